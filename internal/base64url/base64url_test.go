package base64url

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracle is the standard library's reading, which passes over line breaks.
func oracle(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return data, err == nil && !strings.ContainsAny(text, "\r\n")
}

func checkDecode(t testing.TB, text string) {
	t.Helper()
	want, wantOK := oracle(text)
	got, ok := Decode(text)
	require.Equal(t, wantOK, ok, "%q", text)
	if !ok {
		require.Nil(t, got)
		return
	}
	require.Equal(t, want, got, "%q", text)
	require.Equal(t, text, Encode(got))
}

func TestDecodeReadsWhatTheStandardLibraryReads(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "A", "AA", "AB", "AQ", "AAA", "AAB", "AAE", "AAAA", "AAAAA", "AAAAAA", "-_-_", "+/+/", "AA==", "AAA=", "A A", "AA\n", "AA\r\n", "A\x00",
		"é", "//", "zZ09", "AAAA.", strings.Repeat("_", 1000),
	} {
		checkDecode(t, text)
	}
	for a := range 256 { // every byte, in each of two places
		checkDecode(t, string([]byte{byte(a), 'A'}))
		checkDecode(t, string([]byte{'A', byte(a)}))
		checkDecode(t, string([]byte{'A', 'A', byte(a)}))
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	var data []byte
	for i := range 300 {
		require.Equal(t, base64.RawURLEncoding.EncodeToString(data), Encode(data))
		data = append(data, byte(i*151))
	}
}

// FuzzDecode holds the decoder against encoding/base64.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "AA", "AB", "AAA=", "-_-_", "AA\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkDecode(t, text) })
}
