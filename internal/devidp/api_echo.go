package devidp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Headers that reflect a token.
const (
	headerEchoAuthorization = "X-Echo-Authorization"
	headerEchoToken         = "X-Echo-Token"
)

const (
	maxEcho      = 1 << 20
	maxEchoTimes = 1000
	echoPause    = 10 * time.Millisecond
)

var errEchoAs = errors.New("as must be json, escaped, percent, html, text, binary, base64, header or chunked")

// reflection is a request as JSON.
type reflection struct {
	Method     string              `json:"method"`
	Path       string              `json:"path"`
	Query      string              `json:"query"`
	Headers    map[string][]string `json:"headers"`
	Body       string              `json:"body,omitempty"` // where it is UTF-8
	BodySHA256 string              `json:"body_sha256"`
	BodyLength int                 `json:"body_length"`
}

func reflectRequest(w http.ResponseWriter, r *http.Request) (reflection, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEcho))
	if err != nil {
		return reflection{}, fmt.Errorf("the body cannot be read: %w", err)
	}
	sum := sha256.Sum256(body)
	out := reflection{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Headers: r.Header,
		BodySHA256: hex.EncodeToString(sum[:]), BodyLength: len(body),
	}
	if utf8.Valid(body) {
		out.Body = string(body)
	}
	return out, nil
}

// apiEcho gives the caller's own token back, as a careless API or a proxy's error
// page would. What is in front of the API has to notice.
//
//	as=json (default)  the whole request as JSON, Authorization included
//	as=escaped         in JSON, with each punctuation mark of the token as \u00xx
//	as=percent         as text, with each punctuation mark of the token as %XX
//	as=html            in an HTML page, in text and in an attribute
//	as=text            as plain text
//	as=binary          between bytes that are not text
//	as=base64          encoded, which no search for the token finds
//	as=header          in the response headers X-Echo-Authorization, X-Echo-Token and Link
//	as=chunked         as text, times= times, flushed after byte split= of the token,
//	                   with a pause= of ms
//
// status= answers with another status.
func apiEcho(w http.ResponseWriter, r *http.Request) {
	token := callerOf(r).token
	code, err := queryInt(r, "status", http.StatusOK, 599)
	if err == nil && code < 200 {
		err = errors.New("status must be from 200 to 599")
	}
	if badQuery(w, err) {
		return
	}
	status := int(code)
	const text = "text/plain; charset=utf-8"
	switch r.URL.Query().Get("as") {
	case "", "json":
		out, err := reflectRequest(w, r)
		if badQuery(w, err) {
			return
		}
		writeJSON(w, status, out)
	case "escaped":
		send(w, status, "application/json", []byte(`{"token":"`+escapePunctuation(token, `\u%04x`)+`"}`))
	case "percent":
		send(w, status, text, []byte("https://app.example.localhost/?token="+escapePunctuation(token, "%%%02X")))
	case "html":
		page := fmt.Sprintf("<!doctype html><title>Error</title><p data-token=\"%s\">Your token was Bearer %s.", token, token)
		send(w, status, "text/html; charset=utf-8", []byte(page))
	case "text":
		send(w, status, text, []byte("token="+token+"\n"))
	case "binary":
		send(w, status, "application/octet-stream", append(append([]byte{0, 0xff, 0xfe}, token...), 0, 0xff))
	case "base64":
		send(w, status, text, []byte(base64.StdEncoding.EncodeToString([]byte("token="+token))))
	case "header":
		h := w.Header()
		h.Set(headerEchoAuthorization, r.Header.Get("Authorization"))
		h.Set(headerEchoToken, token)
		h.Set("Link", `</next?token=`+token+`>; rel="next"`)
		writeJSON(w, status, map[string]string{"as": "header"})
	case "chunked":
		echoChunked(w, r, status, token)
	default:
		refuseQuery(w, errEchoAs)
	}
}

func echoChunked(w http.ResponseWriter, r *http.Request, status int, token string) {
	split, err := queryInt(r, "split", int64(len(token)/2), int64(len(token)))
	wait, err2 := queryMillis(r, "pause", echoPause)
	times, err3 := queryInt(r, "times", 1, maxEchoTimes)
	if badQuery(w, errors.Join(err, err2, err3)) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	for range times {
		push(w, "before "+token[:split])
		pause(r, wait) // or the network joins the two
		push(w, token[split:]+" after")
	}
}

// push writes and flushes.
func push(w http.ResponseWriter, s string) {
	_, err := io.WriteString(w, s)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

// escapePunctuation escapes the bytes of a token that an encoder may escape, though
// none has to.
func escapePunctuation(token, format string) string {
	var out strings.Builder
	for i := range len(token) {
		switch c := token[i]; c {
		case '.', '-', '_':
			fmt.Fprintf(&out, format, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
