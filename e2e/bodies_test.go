package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// bodies are what the sample server sends, by name: what text decoders, JSON
// parsers and scrubbers are tempted to change.
var bodies = map[string][]byte{
	"empty":       {},
	"byte":        {0x80},
	"zero":        {0},
	"ascii":       []byte("plain"),
	"utf8":        []byte("Grüße, 令牌, 🔐\r\n\ttab\x00nul\u2028"),
	"bom":         []byte("\xef\xbb\xbf{\"after\":\"a byte order mark\"}"),
	"bom16":       []byte("\xff\xfe{\x00}\x00"),
	"not-utf8":    {'{', 0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, '}'},
	"cut":         []byte("cut in a character: 🔐")[:len("cut in a character: ")+2],
	"latin1":      []byte("caf\xe9"),
	"json":        []byte("{ \"b\" : 1.0, \"a\":1e2,\"a\":\"twice\", \"\\u0041\":\"\\u00e9\", \"big\":12345678901234567890 }\n\n"),
	"not-json":    []byte(`{"a":`),
	"percent":     []byte("100%25 %zz %e2%82"),
	"looks-alike": []byte("Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA REDACTED"),
	"5MB":         devidp.BinaryBody(5 << 20),
	"5MB-text":    devidp.TextBody(5 << 20),
}

// sampleTypes are content types that the vault looks into, and some that it
// leaves alone.
var sampleTypes = []string{
	"application/octet-stream", "application/json", "text/plain; charset=utf-8", "text/html; charset=iso-8859-1", "image/png", "",
}

// sample is an API without authorization. The same request can so be made
// through the vault, which attaches its token, and directly, from a page of
// another origin without a vault.
type sample struct {
	*httptest.Server
	origin string // of the API
	page   string // of the page without a vault
}

func newSample(t testing.TB) *sample {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/plain.html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		writeBody(w, []byte(`<!doctype html><html lang="en"><title>Without a vault</title><link rel="icon" href="data:,">`))
	})
	mux.Handle("/e2e/", http.StripPrefix("/e2e/", http.FileServer(http.Dir("pages"))))
	mux.HandleFunc("/s/body", sampleBody)
	mux.HandleFunc("/s/gzip", sampleGzip)
	mux.HandleFunc("/s/pieces", samplePieces)
	mux.HandleFunc("/s/status/{code}", sampleStatus)
	mux.HandleFunc("/s/headers", sampleHeaders)
	mux.HandleFunc("/s/upload", sampleUpload)
	mux.HandleFunc("/s/cookie", sampleCookie)
	mux.HandleFunc("/s/tagged", sampleTagged)
	mux.HandleFunc("/s/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/s/upload", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/s/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/s/loop", http.StatusFound)
	})
	mux.HandleFunc("/s/drop", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("head") {
			w.Header().Set("Content-Length", "100000")
			writeBody(w, devidp.BinaryBody(70_000))
			pushOut(w)
		}
		panic(http.ErrAbortHandler)
	})
	server := httptest.NewServer(admitAll(mux))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return &sample{server, "http://sample.example.localhost:" + port, "http://plain.example.localhost:" + port + "/plain.html"}
}

// admitAll lets every origin read everything.
func admitAll(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Content-Encoding, Content-Range, ETag, Link, X-Empty, X-Repeated, X-Spaces, Server-Timing, Vary")
		next.ServeHTTP(w, r)
	})
}

func writeBody(w io.Writer, body []byte) {
	if _, err := w.Write(body); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

func pushOut(w http.ResponseWriter) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func sampleBody(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = nil // or net/http guesses one
	if kind := r.URL.Query().Get("type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	body := bodies[r.URL.Query().Get("name")]
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	writeBody(w, body)
}

func sampleGzip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.URL.Query().Get("type"))
	w.Header().Set("Content-Encoding", "gzip")
	out := gzip.NewWriter(w)
	writeBody(out, bodies["5MB-text"])
	if err := out.Close(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// samplePieces flushes after each byte, so that characters come apart.
func samplePieces(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, piece := range bodies["utf8"] {
		writeBody(w, []byte{piece})
		pushOut(w)
	}
}

func sampleStatus(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.PathValue("code"))
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
	default:
		writeBody(w, []byte(`{"error":"invalid_request","message":"the API's own"}`))
	}
}

// sampleHeaders keeps to ASCII: Chromium itself reads the Latin-1 of any
// worker's response as UTF-8, also of one that was only passed on.
func sampleHeaders(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["X-Repeated"] = []string{"one", "two, with a comma", "three"}
	h["Link"] = []string{`</a>; rel="next"`, `</b>; rel="prev"`}
	h["Server-Timing"] = []string{"db;dur=1.5", "app;dur=2.5"}
	h.Set("X-Empty", "")
	h.Set("X-Spaces", "a  b\tc")
	h.Set("X-Hidden", "not exposed")
	h.Set("Cache-Control", "max-age=0, private")
	h.Set("Content-Language", "de")
	h.Set("Content-Type", `application/vnd.example+json; charset="utf-8"; profile=x`)
	h.Set("Expires", "0")
	h.Set("Last-Modified", "Thu, 29 Feb 2024 12:00:00 GMT")
	writeBody(w, []byte("{}"))
}

// arrived is what arrived at the server of a request.
type arrived struct {
	Method  string              `json:"method"`
	Query   string              `json:"query"`
	Length  int                 `json:"length"`
	SHA256  string              `json:"sha256"`
	Headers map[string][]string `json:"headers"`
}

// sampleUpload answers with all that came. The boundary of a multipart body is
// chance, so it is replaced before hashing.
func sampleUpload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	got := arrived{Method: r.Method, Query: r.URL.RawQuery, Length: len(body), Headers: map[string][]string{}}
	for _, name := range []string{"Content-Type", "Accept", "Accept-Language", "X-App", "If-Match", "Content-Language"} {
		if values := r.Header.Values(name); values != nil {
			got.Headers[name] = values
		}
	}
	if kind, boundary, ok := strings.Cut(r.Header.Get("Content-Type"), "boundary="); ok {
		body = bytes.ReplaceAll(body, []byte(boundary), []byte("BOUNDARY"))
		got.Headers["Content-Type"] = []string{kind + "boundary of " + strconv.Itoa(len(boundary))}
	}
	got.SHA256 = bodyDigest(body)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(got); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func sampleCookie(w http.ResponseWriter, r *http.Request) {
	if value := r.URL.Query().Get("set"); value != "" {
		http.SetCookie(w, &http.Cookie{Name: "sample", Value: value, Path: "/s/", HttpOnly: true})
	}
	w.Header().Set("Content-Type", "text/plain")
	writeBody(w, []byte("cookie: "+r.Header.Get("Cookie")))
}

func sampleTagged(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"tag"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC), bytes.NewReader(bodies["5MB"][:1000]))
}

func bodyDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// sight is what an app can see of an exchange.
type sight struct {
	Error      string // name of what fetch rejected with
	Status     int
	StatusText string
	OK         bool
	URL        string
	Redirected bool
	Type       string // where a worker can answer with that type: not of basic, cors and default
	Headers    [][2]string
	NoBody     bool // response.body is null
	Length     int
	SHA256     string
	BodyError  string // name of what reading the body rejected with
	Received   *arrived
}

// observe is the function that makes a sight.
const observe = `
	const observe = async (...request) => {
		const seen = {};
		try {
			const response = await fetch(...request);
			const { status: Status, statusText: StatusText, ok: OK, url: URL, redirected: Redirected } = response;
			const Type = ["basic", "cors", "default"].includes(response.type) ? "" : response.type;
			const Headers = [...response.headers].filter(([name]) => name !== "date");
			Object.assign(seen, { Status, StatusText, OK, URL, Redirected, Type, Headers, NoBody: response.body === null });
			try {
				const bytes = await response.arrayBuffer();
				const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
				Object.assign(seen, { Length: bytes.byteLength, SHA256: [...sum].map((b) => b.toString(16).padStart(2, "0")).join("") });
				try { seen.Received = JSON.parse(new TextDecoder().decode(bytes)) } catch {}
				if (!seen.Received?.sha256) delete seen.Received;
			} catch (error) { seen.BodyError = error.name }
		} catch (error) { seen.Error = error.name }
		return seen;
	};
	const U = (path) => sample + path;`

// twoWays is a page with a vault that is signed in and protects the sample
// server, and a page without a vault beside it.
type twoWays struct {
	*site
	sample          *sample
	through, direct *tab
}

func newTwoWays(t *testing.T) *twoWays {
	t.Helper()
	api := newSample(t)
	s := newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: api.origin + "/s/*"})
		}
	})
	w := &twoWays{site: s, sample: api, through: s.open("/e2e/blank.html"), direct: s.open("/e2e/plain.html")}
	w.direct.visit(api.page)
	require.False(t, eval[bool](w.direct, `return navigator.serviceWorker.controller !== null`))
	s.signInFrom(w.through, demo.MainClient)
	return w
}

// both runs a script that returns a sight in both pages.
func (w *twoWays) both(t testing.TB, script string) (through, direct sight) {
	t.Helper()
	script = observe + `const sample = ` + js(w.sample.origin) + `;` + script
	return eval[sight](w.through, script), eval[sight](w.direct, script)
}

// withoutLength drops Content-Length, which the vault takes off a body that it
// looks into: redacted, it would be shorter.
func (o sight) withoutLength() sight {
	kept := make([][2]string, 0, len(o.Headers))
	for _, header := range o.Headers {
		if header[0] != "content-length" {
			kept = append(kept, header)
		}
	}
	o.Headers = kept
	return o
}

func (o sight) header(name string) string {
	for _, header := range o.Headers {
		if header[0] == name {
			return header[1]
		}
	}
	return ""
}

func TestResponseBodiesAreByteIdenticalToADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, body := range bodies {
		for _, kind := range sampleTypes {
			t.Run(name+" as "+kind, func(t *testing.T) {
				through, direct := w.both(t, fmt.Sprintf(
					`return observe(U("/s/body?name=%s&type=" + encodeURIComponent(%s)))`, name, js(kind)))
				require.Equal(t, bodyDigest(body), direct.SHA256, "the comparison is with what was sent")
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
				assert.Equal(t, kind, through.header("content-type"))
			})
		}
	}
}

func TestTextIsReadAsADirectFetchReadsIt(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for _, name := range []string{"utf8", "bom", "bom16", "not-utf8", "cut", "latin1", "json", "not-json"} {
		for _, kind := range []string{"application/json", "text/html; charset=iso-8859-1"} {
			t.Run(name+" as "+kind, func(t *testing.T) {
				const read = `
					const url = sample + "/s/body?name=" + name + "&type=" + encodeURIComponent(kind);
					const either = (promise) => promise.then((value) => JSON.stringify(value), (error) => error.name);
					const xhr = (responseType) => new Promise((resolve) => {
						const request = new XMLHttpRequest();
						request.open("GET", url);
						request.responseType = responseType;
						request.onloadend = () => resolve([request.status, request.statusText, JSON.stringify(request.response), request.getResponseHeader("content-type")].join());
						request.send();
					});
					const blob = await (await fetch(url)).blob();
					return [
						await either((await fetch(url)).text()), await either((await fetch(url)).json()),
						blob.size, blob.type, await xhr("text"), await xhr("json"),
					].join("\n")`
				script := `const sample = ` + js(w.sample.origin) + `, name = ` + js(name) + `, kind = ` + js(kind) + `;` + read
				assert.Equal(t, eval[string](w.direct, script), eval[string](w.through, script))
			})
		}
	}
}

func TestCompressedAndChoppedBodiesAreByteIdentical(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, tc := range map[string]struct {
		path string
		want []byte
	}{
		"gzip, text":         {"/s/gzip?type=text/plain", bodies["5MB-text"]},
		"gzip, binary":       {"/s/gzip?type=image/png", bodies["5MB-text"]},
		"one byte at a time": {"/s/pieces", bodies["utf8"]},
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := w.both(t, `return observe(U(`+js(tc.path)+`))`)
			require.Equal(t, bodyDigest(tc.want), direct.SHA256)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
}

func TestBodiesOfTheProtectedAPIArriveWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	for path, want := range map[string][]byte{
		"/v1/binary?size=0":                {},
		"/v1/binary?size=1":                devidp.BinaryBody(1),
		"/v1/binary?size=65537":            devidp.BinaryBody(65537),
		"/v1/big?type=binary&size=5242881": devidp.BinaryBody(5242881),
		"/v1/big?type=text&size=5242881":   devidp.TextBody(5242881),
		"/v1/file":                         devidp.FileBody(),
	} {
		got := eval[sight](p, observe+`return observe(`+js(s.APIURL+path)+`)`)
		assert.Equal(t, http.StatusOK, got.Status, path)
		assert.Equal(t, len(want), got.Length, path)
		assert.Equal(t, bodyDigest(want), got.SHA256, path)
	}
	s.canary(p)
}

// A 206 is not among them: of a text none is passed on (SECURITY.md), and of other
// bodies TestConditionalAndRangeRequestsAreThoseOfADirectFetch shows it.
func TestStatusesAreThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for _, status := range []int{200, 201, 202, 203, 204, 205, 300, 304, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 599} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(fmt.Sprint(method, " ", status), func(t *testing.T) {
				through, direct := w.both(t, fmt.Sprintf(`return observe(U("/s/status/%d"), { method: %q })`, status, method))
				require.Equal(t, status, direct.Status)
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
			})
		}
	}
}

func TestHeadersAreThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	through, direct := w.both(t, `return observe(U("/s/headers"))`)
	require.Equal(t, "one, two, with a comma, three", direct.header("x-repeated"))
	assert.Equal(t, direct.withoutLength(), through.withoutLength())
	assert.Empty(t, through.header("x-hidden"), "what the API does not expose, the vault does not either")

	head, directHead := w.both(t, `return observe(U("/s/body?name=5MB&type=image/png"), { method: "HEAD" })`)
	assert.Equal(t, "5242880", head.header("content-length"))
	assert.Equal(t, directHead, head)
}

func TestConditionalAndRangeRequestsAreThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, headers := range map[string]map[string]string{
		"not modified":   {"If-None-Match": `"tag"`},
		"modified":       {"If-None-Match": `"other"`},
		"precondition":   {"If-Match": `"other"`},
		"range":          {"Range": "bytes=10-19"},
		"range past end": {"Range": "bytes=5000-"},
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := w.both(t, `return observe(U("/s/tagged"), { cache: "no-store", headers: `+js(headers)+` })`)
			require.NotEmpty(t, direct.Status)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
}

func TestUploadsArriveAsThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, body := range map[string]string{
		"nothing":                  `undefined`,
		"empty string":             `""`,
		"string":                   `"Grüße 🔐"`,
		"lone surrogate":           `"\ud800 text"`,
		"URLSearchParams":          `new URLSearchParams([["a", "1 +&=ü"], ["a", "2"]])`,
		"FormData":                 `(() => { const form = new FormData(); form.append("a", "ü\r\n"); form.append("f", new File([new Uint8Array([0, 255, 13, 10, 128])], "na\"me ü.bin", { type: "application/x-test" })); form.append("b", new Blob([])); return form })()`,
		"FormData without parts":   `new FormData()`,
		"Blob":                     `new Blob([new Uint8Array([0, 255, 128])], { type: "image/png" })`,
		"Blob without a type":      `new Blob(["text"])`,
		"ArrayBuffer":              `new Uint8Array(65537).map((_, i) => i * 7).buffer`,
		"a part of an ArrayBuffer": `new Uint8Array([1, 2, 3, 4, 5, 6]).subarray(2, 5)`,
		"Uint16Array":              `new Uint16Array([1, 65535])`,
		"5 MB":                     `new Uint8Array(5 << 20).map((_, i) => i * 31)`,
	} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			t.Run(method+" "+name, func(t *testing.T) {
				request := `U("/s/upload?q=%2F%20+&q="), { method: ` + js(method) + `, body: ` + body + ` }`
				for _, arguments := range []string{request, `new Request(` + request + `)`} {
					through, direct := w.both(t, `return observe(`+arguments+`)`)
					require.NotNil(t, direct.Received)
					assert.Equal(t, direct.Received, through.Received, arguments)
				}
			})
		}
	}
}

func TestRequestsOfEveryKindArriveAsThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, request := range map[string]string{
		"GET":                         `U("/s/upload")`,
		"HEAD":                        `U("/s/upload"), { method: "HEAD" }`,
		"method in lower case":        `U("/s/upload"), { method: "post", body: "x" }`,
		"a Request":                   `new Request(U("/s/upload?a#fragment"), { method: "PUT", body: "x", headers: { "X-App": "1" } })`,
		"a Request and an init":       `new Request(U("/s/upload"), { method: "PUT", body: "x" }), { headers: { "X-App": "2" } }`,
		"a Request without a body":    `new Request(U("/s/upload"), { method: "POST" })`,
		"a Request, another body":     `new Request(U("/s/upload"), { method: "PUT", body: "x" }), { body: new Blob(["y"], { type: "a/b" }) }`,
		"a Request, another method":   `new Request(U("/s/upload")), { method: "POST", body: new Blob(["y"], { type: "a/b" }) }`,
		"a Request that is used":      `(() => { const used = new Request(U("/s/upload"), { method: "PUT", body: "x" }); used.text(); return used })()`,
		"a Request, copied":           `new Request(new Request(U("/s/upload"), { method: "PUT", body: "x" }), { headers: { "X-App": "1" } }).clone()`,
		"a Request, keepalive":        `new Request(U("/s/upload"), { method: "PUT", body: "x", keepalive: true })`,
		"a Blob of an odd type":       `U("/s/upload"), { method: "POST", body: new Blob(["x"], { type: "Odd" }) }`,
		"a URL object":                `new URL(U("/s/upload?ü=ä"))`,
		"headers":                     `U("/s/upload"), { headers: [["X-App", "1"], ["X-App", "2"], ["Accept", "application/json"], ["Accept-Language", "xx"]] }`,
		"a content type of its own":   `U("/s/upload"), { method: "POST", body: "{}", headers: { "Content-Type": "application/vnd.x+json;v=1" } }`,
		"keepalive":                   `U("/s/upload"), { method: "POST", body: "x", keepalive: true }`,
		"cache mode":                  `U("/s/upload"), { cache: "reload" }`,
		"integrity that fits":         `U("/s/body?name=ascii&type=text/plain"), { integrity: ` + js(fitsOnly("plain")) + ` }`,
		"integrity that does not":     `U("/s/body?name=ascii&type=text/plain"), { integrity: ` + js(fitsOnly("other")) + ` }`,
		"a redirect that is an error": `U("/s/redirect"), { redirect: "error" }`,
		"aborted before it begins":    `U("/s/upload"), { signal: AbortSignal.abort() }`,
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := w.both(t, `return observe(`+request+`)`)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
}

// fitsOnly is the integrity metadata of a text.
func fitsOnly(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestRedirectWithinTheListIsFollowedWithItsBody(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	through, direct := w.both(t, `return observe(U("/s/redirect"), { method: "POST", body: "kept" })`)
	require.NotNil(t, direct.Received)
	assert.Equal(t, direct.Received, through.Received)
	assert.Equal(t, http.StatusOK, through.Status)
}

func TestCookiesFollowTheCredentialsMode(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for _, mode := range []string{"omit", "same-origin", "include"} {
		t.Run(mode, func(t *testing.T) {
			script := `
				await fetch(sample + "/s/cookie?set=` + mode + `", { credentials: "include" });
				return (await fetch(sample + "/s/cookie", { credentials: ` + js(mode) + ` })).text()`
			script = `const sample = ` + js(w.sample.origin) + `;` + script
			assert.Equal(t, eval[string](w.direct, script), eval[string](w.through, script))
		})
	}
}

func TestNetworkFailureIsATypeError(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	for name, path := range map[string]string{
		"connection cut before the head": "/s/drop",
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := w.both(t, `return observe(U(`+js(path)+`), { method: "POST", body: "x" })`)
			require.Equal(t, "TypeError", direct.Error)
			assert.Equal(t, direct, through)
		})
	}
	t.Run("server gone", func(t *testing.T) {
		w.sample.Listener.Close() //nolint:errcheck // the server closes it again
		w.sample.CloseClientConnections()
		through, direct := w.both(t, `return observe(U("/s/upload"))`)
		require.Equal(t, "TypeError", direct.Error)
		assert.Equal(t, direct, through)
	})
}

func TestBodyThatBreaksOffRejectsTheRead(t *testing.T) {
	t.Parallel()
	w := newTwoWays(t)
	through, direct := w.both(t, `return observe(U("/s/drop?head"))`)
	require.Equal(t, "TypeError", direct.BodyError)
	assert.Equal(t, direct.withoutLength(), through.withoutLength())

	s := newSite(t)
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	got := eval[map[string]any](p, `
		const response = await fetch(`+js(s.APIURL+"/v1/drop?after=3000000")+`);
		const reader = response.body.getReader();
		let length = 0;
		try {
			for (;;) {
				const { done, value } = await reader.read();
				if (done) return { length, ended: true };
				length += value.length;
			}
		} catch (error) { return { length, error: error.name } }`)
	assert.Equal(t, "TypeError", got["error"], "%v", got)
}

func TestFirstEventArrivesBeforeTheStreamEndsAndCancelReachesTheServer(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]string{
		"fetch": `
			const reader = (await fetch(url)).body.getReader();
			window.close = () => reader.cancel();
			return new TextDecoder().decode((await reader.read()).value)`,
		"EventSource": `
			const source = new EventSource(url);
			window.close = () => source.close();
			return new Promise((resolve, reject) => {
				source.addEventListener("tick", ({ data }) => resolve(data));
				source.onerror = () => reject(new Error("the stream failed"));
			})`,
		"abort": `
			const controller = new AbortController();
			const reader = (await fetch(url, { signal: controller.signal })).body.getReader();
			window.close = () => controller.abort();
			return new TextDecoder().decode((await reader.read()).value)`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			p := s.open("/e2e/blank.html")
			s.signInFrom(p, demo.MainClient)
			first := eval[string](p, `const url = `+js(s.APIURL+"/v1/sse?count=100&interval=60000")+`;`+read)
			assert.Contains(t, first, `{"n":1,"of":100}`)
			isStream := func(r devidp.Request) bool { return r.Path == "/v1/sse" && r.Method == http.MethodGet }
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			stream, err := s.IDP.WaitRequest(ctx, isStream)
			require.NoError(t, err)
			require.False(t, stream.Done, "the stream still runs")

			eval[any](p, `await window.close()`)
			_, err = s.IDP.WaitRequest(ctx, func(r devidp.Request) bool { return isStream(r) && r.Aborted })
			require.NoError(t, err, "the server was not told that nobody reads any more")
		})
	}
}
