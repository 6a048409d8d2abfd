package devidp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	defaultBinary = 4 << 10
	maxBinary     = 64 << 20
	defaultBig    = 50 << 20
	maxBig        = 1 << 30
	maxUpload     = 1 << 30
	fileSize      = 100_003
)

// fileTime is the Last-Modified of /v1/file.
var fileTime = time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC)

func apiText(w http.ResponseWriter, r *http.Request) {
	send(w, http.StatusOK, "text/plain; charset=utf-8", []byte("Plain text: Grüße, 令牌, 🔐.\nNo line end follows."))
}

func apiBinary(w http.ResponseWriter, r *http.Request) {
	size, err := queryInt(r, "size", defaultBinary, maxBinary)
	if badQuery(w, err) {
		return
	}
	stream(w, "application/octet-stream", binaryBlock, size)
}

// apiBig sends size= bytes, of type=binary (default) or text. With no-store it says
// Cache-Control: no-store, without which Chromium reads far ahead of the page.
func apiBig(w http.ResponseWriter, r *http.Request) {
	size, err := queryInt(r, "size", defaultBig, maxBig)
	if badQuery(w, err) {
		return
	}
	if r.URL.Query().Has("no-store") {
		w.Header().Set("Cache-Control", "no-store")
	}
	switch r.URL.Query().Get("type") {
	case "", "binary":
		stream(w, "application/octet-stream", binaryBlock, size)
	case "text":
		stream(w, "text/plain; charset=utf-8", textBlock, size)
	default:
		refuseQuery(w, errors.New("type must be binary or text"))
	}
}

func stream(w http.ResponseWriter, contentType string, block []byte, size int64) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if err := writePattern(w, block, size); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

// apiChunks sends sizes= bytes, such as 1,0,65536, and flushes after each: without
// a Content-Length, chunked. An empty list is a chunked body of no bytes. type=text
// sends text.
func apiChunks(w http.ResponseWriter, r *http.Request) {
	var sizes []int64
	total := int64(0)
	if list := r.URL.Query().Get("sizes"); list != "" {
		for text := range strings.SplitSeq(list, ",") {
			size, err := strconv.ParseInt(text, 10, 64)
			if err != nil || size < 0 || size > maxBinary {
				refuseQuery(w, errors.New("sizes must be numbers, separated by commas"))
				return
			}
			sizes = append(sizes, size)
			total += size
		}
	}
	if total > maxBinary {
		refuseQuery(w, errors.New("the sizes are too large"))
		return
	}
	body, kind := BinaryBody(total), "application/octet-stream"
	if r.URL.Query().Get("type") == "text" {
		body, kind = TextBody(total), "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	push(w, "")
	for _, size := range sizes {
		push(w, string(body[:size]))
		body = body[size:]
	}
}

// apiFile answers If-None-Match, If-Modified-Since and Range. type=text sends text.
func apiFile(w http.ResponseWriter, r *http.Request) {
	body, kind := FileBody(), "application/octet-stream"
	if r.URL.Query().Get("type") == "text" {
		body, kind = TextBody(fileSize), "text/plain; charset=utf-8"
	}
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	h.Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", fileTime, bytes.NewReader(body))
}

// apiUpload answers with a digest of what arrived.
func apiUpload(w http.ResponseWriter, r *http.Request) {
	digest := sha256.New()
	n, err := io.Copy(digest, http.MaxBytesReader(w, r.Body, maxUpload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeError(w, http.StatusRequestEntityTooLarge, "too_large", "the upload is larger than 1 GiB")
		return
	case err != nil:
		panic(http.ErrAbortHandler) // the client is gone
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"method": r.Method, "length": n, "sha256": hex.EncodeToString(digest.Sum(nil)),
		"content_type": r.Header.Get("Content-Type"),
	})
}
