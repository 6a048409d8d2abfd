package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tokenvault/internal/devidp"
)

// bigSize is the size of the large bodies.
const bigSize = 50 << 20

// streamPause is the time between two pieces of a streamed body: long enough
// that a reader who waits for the second is told from one who does not.
const streamPause = 60 * time.Millisecond

// api is the server that all columns ask. Its bodies are made before the first
// request, it keeps no log and hashes nothing: what is measured is the way to
// it. A request needs no token; whether it had one is in the answer.
type api struct {
	json, text, binary []byte

	traffic sync.Map // by origin, a *traffic
}

// traffic counts what came from an origin.
type traffic struct{ requests, preflights atomic.Int64 }

func newAPI() *api {
	return &api{
		json:   jsonBody(),
		text:   bytes.Repeat([]byte(textLine), bigSize/len(textLine)),
		binary: devidp.BinaryBody(bigSize),
	}
}

// textLine is 64 bytes of plain text that looks like no token.
const textLine = "The vault keeps what the page may not see, line for line, fine.\n"

// jsonBody is 1 KB of JSON.
func jsonBody() []byte {
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for i := 0; b.Len() < 960; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"item %d","price":%d.5}`, i, i, i*7)
	}
	b.WriteString(`],"pad":"`)
	b.WriteString(strings.Repeat("x", 1024-b.Len()-2))
	b.WriteString(`"}`)
	return []byte(b.String())
}

// handler serves the protected part below /v1/ and an open part below /public/.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/json", a.send("application/json", a.json))
	mux.HandleFunc("/v1/text", a.send("text/plain; charset=utf-8", a.text))
	mux.HandleFunc("/v1/binary", a.send("application/octet-stream", a.binary))
	mux.HandleFunc("/v1/stream", apiStream)
	mux.HandleFunc("/v1/upload", apiUpload)
	mux.HandleFunc("/public/json", a.send("application/json", a.json))
	return a.cors(mux)
}

// cors admits every origin: each column has its own.
func (a *api) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		origin := r.Header.Get("Origin")
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Vary", "Origin")
		seen := a.trafficOf(origin)
		if r.Method == http.MethodOptions {
			seen.preflights.Add(1)
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		seen.requests.Add(1)
		h.Set("Access-Control-Expose-Headers", "X-Token")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Token", strconv.FormatBool(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ")))
		next.ServeHTTP(w, r)
	})
}

func (a *api) trafficOf(origin string) *traffic {
	seen, _ := a.traffic.LoadOrStore(origin, new(traffic))
	return seen.(*traffic)
}

// send answers with bytes that are there already.
func (a *api) send(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if _, err := w.Write(body); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	}
}

// apiStream sends a body in four pieces with pauses, the first at once.
func apiStream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	for i := range 4 {
		if i > 0 {
			time.Sleep(streamPause)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", 100)); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// apiUpload tells how many bytes arrived.
func apiUpload(w http.ResponseWriter, r *http.Request) {
	buffer := make([]byte, 256<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, buffer)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"length":%d}`, n)
}
