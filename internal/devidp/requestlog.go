package devidp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxRequests bounds the request log; the oldest entries go first.
const maxRequests = 8192

// ServerKind says which of the two origins saw a request.
type ServerKind uint8

// The two origins.
const (
	UnknownServer ServerKind = iota
	AuthServer
	APIServer
)

func (k ServerKind) String() string {
	switch k {
	case AuthServer:
		return "auth"
	case APIServer:
		return "api"
	default:
		return "unknown"
	}
}

// Request is what a server saw. It is logged when it arrives and completed when it
// ends. Authorization is there in full: the log is for tests, which must know what
// reached the API.
type Request struct {
	Server        ServerKind
	Time          time.Time
	Method        string
	Host          string
	Peer          string // the client's address
	Path          string // as it was sent, still escaped
	Query         string
	Authorization string
	Header        http.Header
	Sent          int64 // bytes of the response's body that the handler has written so far

	// When the request has ended:
	Done       bool
	Aborted    bool // the client left, or the connection was cut on purpose
	Status     int  // 0 when nothing was answered
	BodyLength int64
	BodySHA256 string // hexadecimal, of what the handler read

	sent *atomic.Int64 // behind Sent, while the handler writes
}

// Requests returns the log, oldest first.
func (s *Server) Requests() []Request { return s.log.snapshot() }

// ClearRequests empties the log. A request that is under way then stays out of it.
func (s *Server) ClearRequests() { s.log.clear() }

// LastAuthorization is the Authorization header of the latest request that reached
// the API; it is empty when that had none, or when there was none.
func (s *Server) LastAuthorization() string { return s.log.lastAuthorization() }

// WaitRequest returns the first logged request that matches, waiting for one as
// long as ctx allows. It sees requests both when they arrive and when they end.
func (s *Server) WaitRequest(ctx context.Context, match func(Request) bool) (Request, error) {
	return s.log.wait(ctx, match)
}

type requestLog struct {
	mu      sync.Mutex
	entries []*Request
	changed chan struct{} // closed and replaced at every change
}

func newRequestLog() *requestLog { return &requestLog{changed: make(chan struct{})} }

// update runs f under the lock and wakes whoever waits.
func (l *requestLog) update(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *requestLog) clear() { l.update(func() { l.entries = nil }) }

func (l *requestLog) snapshot() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Request, 0, len(l.entries))
	for _, e := range l.entries {
		out = append(out, e.clone())
	}
	return out
}

func (l *requestLog) lastAuthorization() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.entries) - 1; i >= 0; i-- {
		if l.entries[i].Server == APIServer {
			return l.entries[i].Authorization
		}
	}
	return ""
}

func (l *requestLog) wait(ctx context.Context, match func(Request) bool) (Request, error) {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		for _, r := range l.snapshot() {
			if match(r) {
				return r, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Request{}, ctx.Err()
		}
	}
}

// clone keeps the caller's hands off the log's headers.
func (r *Request) clone() Request {
	c := *r
	c.Header = r.Header.Clone()
	if r.sent != nil {
		c.Sent = r.sent.Load()
	}
	return c
}

// record logs what passes through next. CORS preflights are the browser's own
// business and are logged like the rest.
func (l *requestLog) record(kind ServerKind, now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := &Request{
			Server: kind, Time: now(), Method: r.Method, Host: r.Host, Peer: r.RemoteAddr,
			Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
			Authorization: r.Header.Get("Authorization"), Header: r.Header.Clone(),
			sent: new(atomic.Int64),
		}
		l.update(func() {
			if len(l.entries) >= maxRequests {
				l.entries = l.entries[1:]
			}
			l.entries = append(l.entries, entry)
		})
		seen := &statusWriter{ResponseWriter: w, sent: entry.sent}
		body := &meteredBody{ReadCloser: r.Body, digest: sha256.New()}
		r.Body = body
		returned := false
		defer func() { // also when the handler cuts the connection by a panic
			l.update(func() {
				entry.Done = true
				entry.Aborted = !returned || r.Context().Err() != nil
				entry.Status = seen.status
				entry.BodyLength, entry.BodySHA256 = body.sum()
			})
		}()
		next.ServeHTTP(seen, r)
		if seen.status == 0 {
			seen.status = http.StatusOK // what net/http makes of a silent handler
		}
		returned = true
	})
}

// statusWriter remembers the status code and counts what was written.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   *atomic.Int64
}

// Unwrap lets http.ResponseController reach Flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// meteredBody measures what the handler reads of a body.
type meteredBody struct {
	io.ReadCloser
	digest hash.Hash
	length int64
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.length += int64(n)
	if _, hashErr := b.digest.Write(p[:n]); hashErr != nil {
		return n, errors.Join(err, hashErr)
	}
	return n, err
}

func (b *meteredBody) sum() (int64, string) {
	return b.length, hex.EncodeToString(b.digest.Sum(nil))
}
