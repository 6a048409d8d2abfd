package proxy

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkBegin is the hot path: a request whose token is in memory.
func BenchmarkBegin(b *testing.B) {
	_, frame := signedIn(b)
	frame.get(b.Context())
	target := targetOf(apiURL)
	pairs := request{url: apiURL, headers: "accept\napplication/json\ncontent-type\napplication/json\nx-request-id\n1234\n"}.pairs()
	b.ReportAllocs()
	for b.Loop() {
		if frame.Begin(1, target, pairs).Action != Send {
			b.Fatal("no token in memory")
		}
		frame.End(1)
	}
}

// BenchmarkExchange is a request with its head and a small body.
func BenchmarkExchange(b *testing.B) {
	_, frame := signedIn(b)
	frame.get(b.Context())
	target, pairs := targetOf(apiURL), request{url: apiURL}.pairs()
	headers := []string{"content-type", "application/json", "cache-control", "no-cache", "etag", `"abc"`}
	body := []byte(`{"items":[1,2,3]}`)
	b.ReportAllocs()
	for b.Loop() {
		frame.Begin(1, target, pairs)
		frame.Head(1, Response{Status: 200, StatusText: "OK", Headers: headers})
		frame.Chunk(1, body, true)
		frame.End(1)
	}
}

// BenchmarkScrub takes 64 KB of what APIs send, with two tokens to hide that
// begin as JSON Web Tokens do.
func BenchmarkScrub(b *testing.B) {
	const size = 64 << 10
	token := "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9." + strings.Repeat("abcDEF123_-", 80)
	binary := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	bodies := []struct {
		name string
		body []byte
	}{
		{"JSON", []byte(strings.Repeat(`{"id":1234,"name":"every example","url":"https:\/\/api.example.com\/v1","ok":true},`, size/82+1)[:size])},
		{"text", []byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and the eyes of everyone follow. ", size/78+1)[:size])},
		{"binary", binary},
	}
	for _, bb := range bodies {
		b.Run(bb.name, func(b *testing.B) {
			scrub := newScrubber([]string{token + "1", token + "2"})
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				scrub.write(bb.body, false)
			}
		})
	}
}
