package static

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"tokenvault/internal/policy"
)

// HealthPath answers 200 while the server runs, for whatever Host a load
// balancer asks with.
const HealthPath = "/healthz"

// Option of a handler.
type Option func(*handler)

// InsecureOverrideHeader sends value in place of what the handler would say
// for the header name; an empty value removes it. It exists so that a test can
// show that an attack succeeds without the header. Never use it elsewhere.
func InsecureOverrideHeader(name, value string) Option {
	return func(h *handler) { h.overrides = append(h.overrides, Header{name, value}) }
}

// PagePolicy sends a Content-Security-Policy with every HTML page of the app.
func PagePolicy(value string) Option {
	return func(h *handler) { h.pages = value }
}

// VaultHandler serves the vault origin out of a folder that internal/dist
// made. Requests to another host are refused with 421: no other name may show
// the vault's files, whatever DNS says.
func VaultHandler(table *policy.Table, files fs.FS, options ...Option) http.Handler {
	common, own := VaultHeaders(table, FrameName), map[string][]Header{}
	for _, page := range Pages(table) {
		own[page] = VaultHeaders(table, page)
	}
	h := &handler{
		files:  files,
		origin: table.VaultOrigin,
		cache:  NoStore,
		headers: func(name string) []Header {
			if headers, is := own[name]; is {
				return headers
			}
			return common
		},
		topLevel: func(name string) bool { return own[name] != nil && TopLevel(name) },
	}
	return h.with(options)
}

// App is what [AppHandler] serves.
type App struct {
	Table *policy.Table
	Files fs.FS
	// Worker and Scope are the configuration's: the path of the script that
	// the app registers, and the scope it registers it for.
	Worker, Scope string
}

// AppHandler serves the app origin: our files and the app's own, with
// index.html for a directory.
func AppHandler(app App, options ...Option) http.Handler {
	common, worker := AppHeaders(), WorkerHeaders(app.Table)
	scope := ScopeHeaders(app.Worker, app.Scope)
	h := &handler{
		files:    app.Files,
		index:    "index.html",
		cache:    NoCache,
		topLevel: func(string) bool { return false },
		headers: func(name string) []Header {
			headers := common
			if name == WorkerName {
				headers = worker
			}
			if "/"+name == app.Worker {
				headers = append(headers[:len(headers):len(headers)], scope...)
			}
			return headers
		},
	}
	return h.with(options)
}

// handler serves one origin's files. It knows nothing but GET and HEAD, sets no
// cookie and no Access-Control header.
type handler struct {
	files     fs.FS
	origin    string // answer for this origin's host only; empty: for every host
	index     string // file for a directory; empty: none
	cache     string // Cache-Control of names that are not hashed
	pages     string // Content-Security-Policy of HTML pages; empty: none
	headers   func(name string) []Header
	topLevel  func(name string) bool // answer as a document of its own only
	overrides []Header
}

func (h *handler) with(options []Option) http.Handler {
	for _, option := range options {
		option(h)
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, found := h.name(r.URL.Path)
	h.head(w.Header(), name)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		h.refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	case r.URL.Path == HealthPath:
		h.refuse(w, http.StatusOK, "ok")
	case h.origin != "" && !sameHost(h.origin, r.Host):
		h.refuse(w, http.StatusMisdirectedRequest,
			"this server answers for "+h.origin+" only; a proxy before it has to pass the Host header on")
	case !found:
		h.refuse(w, http.StatusNotFound, "no such file")
	case h.topLevel(name) && !isDocument(r):
		h.refuse(w, http.StatusForbidden, "this page is a document of its own; a frame and a script do not get it")
	default:
		h.file(w, r, name)
	}
}

// isDocument reports whether a browser loads what it asks for as a tab's or a
// window's document (Fetch Metadata). Old browsers do not say, and the pages look for
// themselves.
func isDocument(r *http.Request) bool {
	dest := r.Header.Values("Sec-Fetch-Dest")
	return len(dest) == 0 || len(dest) == 1 && dest[0] == "document"
}

// head sets the headers of the answer about a file.
func (h *handler) head(head http.Header, name string) {
	for _, header := range h.headers(name) {
		head.Set(header.Name, header.Value)
	}
	head.Set("Cache-Control", h.cache)
	if Hashed(name) {
		head.Set("Cache-Control", CacheForever)
	}
	if h.pages != "" && path.Ext(name) == ".html" {
		head.Set("Content-Security-Policy", h.pages)
	}
	for _, header := range h.overrides {
		if header.Value == "" {
			head.Del(header.Name)
		} else {
			head.Set(header.Name, header.Value)
		}
	}
}

// refuse answers with a line of text, which no cache keeps.
func (h *handler) refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", NoStore)
	http.Error(w, text, status)
}

// name returns the file that a path of a URL asks for.
func (h *handler) name(urlPath string) (string, bool) {
	name := strings.TrimPrefix(urlPath, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		name += h.index
	}
	// ValidPath refuses "..", "." and empty segments.
	if !fs.ValidPath(name) || hidden(name) {
		return "", false
	}
	for _, coding := range codings {
		if base, is := strings.CutSuffix(name, coding.extension); is && h.isFile(base) {
			return "", false // reached by Accept-Encoding, not by name
		}
	}
	return name, h.isFile(name)
}

// hidden reports whether a name is for the server and not for its clients.
func hidden(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(segment, ".") && segment != ".well-known" || segment == "_headers" {
			return true
		}
	}
	return false
}

func (h *handler) isFile(name string) bool {
	info, err := fs.Stat(h.files, name)
	return err == nil && info.Mode().IsRegular()
}

// file sends a file, compressed beforehand where the client takes that.
func (h *handler) file(w http.ResponseWriter, r *http.Request, name string) {
	content, err := fs.ReadFile(h.files, name)
	if err != nil {
		h.unreadable(w, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", ContentType(name))
	for _, coding := range h.codingsOf(name) {
		// Also on the plain answer: what is sent depends on the header.
		head.Set("Vary", "Accept-Encoding")
		if !accepts(r.Header.Values("Accept-Encoding"), coding.name) {
			continue
		}
		if content, err = fs.ReadFile(h.files, name+coding.extension); err != nil {
			h.unreadable(w, err)
			return
		}
		head.Set("Content-Encoding", coding.name)
		head.Set("Content-Length", strconv.Itoa(len(content)))
		// A range of compressed bytes is of no use to a browser.
		r = r.Clone(r.Context())
		r.Header.Del("Range")
		break
	}
	sum := sha256.Sum256(content)
	head.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

func (h *handler) unreadable(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		h.refuse(w, http.StatusNotFound, "no such file")
		return
	}
	h.refuse(w, http.StatusInternalServerError, "the file cannot be read")
}

// codingsOf returns the codings in which a file lies ready.
func (h *handler) codingsOf(name string) []coding {
	var ready []coding
	for _, coding := range codings {
		if h.isFile(name + coding.extension) {
			ready = append(ready, coding)
		}
	}
	return ready
}

// sameHost reports whether a Host header names the origin's host and port.
func sameHost(origin, host string) bool {
	scheme, want, _ := strings.Cut(origin, "://")
	defaultPort := ":80"
	if scheme == "https" {
		defaultPort = ":443"
	}
	return strings.EqualFold(strings.TrimSuffix(host, defaultPort), want)
}
