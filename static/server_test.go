package static

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

const wasmName = "proxy.0123456789abcdef.wasm"

func vaultFiles() fs.FS {
	return fstest.MapFS{
		"proxy.html":     {Data: []byte("<!doctype html>")},
		"proxy.html.br":  {Data: []byte("html in br")},
		"proxy.html.gz":  {Data: []byte("html in gzip")},
		wasmName:         {Data: []byte("\x00asm module")},
		wasmName + ".br": {Data: []byte("wasm in br")},
		"plain.bin":      {Data: []byte("0123456789")},
		"archive.gz":     {Data: []byte("an archive of its own")},
		"_headers":       {Data: []byte("/*")},
		".env":           {Data: []byte("private")},
		"dir/.git/x":     {Data: []byte("private")},
	}
}

func vault(options ...Option) http.Handler {
	return VaultHandler(table("https"), vaultFiles(), options...)
}

type request struct {
	method, target, host string
	head                 map[string]string
}

func (r request) to(handler http.Handler) *httptest.ResponseRecorder {
	if r.method == "" {
		r.method = http.MethodGet
	}
	if r.host == "" {
		r.host = "vault.example.com"
	}
	// The path is set as it is: NewRequest would parse and clean it.
	req := httptest.NewRequest(r.method, "/", nil)
	req.URL.Path, req.Host = r.target, r.host
	for name, value := range r.head {
		req.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	return answer
}

func TestVaultSendsItsHeadersOnEveryAnswer(t *testing.T) {
	tests := []struct {
		name    string
		request request
		status  int
		cache   string
	}{
		{"page", request{target: "/proxy.html"}, 200, NoStore},
		{"hashed name", request{target: "/" + wasmName}, 200, CacheForever},
		{"head of a page", request{method: "HEAD", target: "/proxy.html"}, 200, NoStore},
		{"health", request{target: HealthPath}, 200, NoStore},
		{"health of an address", request{target: HealthPath, host: "10.0.0.1:8081"}, 200, NoStore},
		{"no such file", request{target: "/none.js"}, 404, NoStore},
		{"no such hashed file", request{target: "/none.0123456789abcdef.js"}, 404, NoStore},
		{"no index", request{target: "/"}, 404, NoStore},
		{"other method", request{method: "POST", target: "/proxy.html"}, 405, NoStore},
		{"preflight", request{method: "OPTIONS", target: "/proxy.html"}, 405, NoStore},
		{"other host", request{target: "/proxy.html", host: "evil.example.com"}, 421, NoStore},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := test.request.to(vault())
			require.Equal(t, test.status, answer.Code)
			for _, header := range VaultHeaders(table("https"), FrameName) {
				require.Equal(t, []string{header.Value}, answer.Header().Values(header.Name))
			}
			require.Equal(t, test.cache, answer.Header().Get("Cache-Control"))
			for name := range answer.Header() {
				require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			}
			require.NotContains(t, answer.Header(), "Set-Cookie")
		})
	}
}

func TestVaultAnswersForItsHostOnly(t *testing.T) {
	tests := []struct {
		host   string
		status int
	}{
		{"vault.example.com", 200},
		{"vault.example.com:443", 200},
		{"VAULT.example.com", 200},
		{"vault.example.com:8443", 421},
		{"vault.example.com:80", 421},
		{"vault.example.com.", 421},
		{"app.example.com", 421},
		{"vault.example.com.evil.net", 421},
		{"127.0.0.1", 421},
	}
	for _, test := range tests {
		t.Run(test.host, func(t *testing.T) {
			require.Equal(t, test.status, request{target: "/proxy.html", host: test.host}.to(vault()).Code)
		})
	}
	t.Run("none", func(t *testing.T) {
		req := httptest.NewRequest(http.MethodGet, "/proxy.html", nil)
		req.Host = ""
		answer := httptest.NewRecorder()
		vault().ServeHTTP(answer, req)
		require.Equal(t, 421, answer.Code)
	})
}

// A browser says what it wants a file for, and a script cannot make it say otherwise.
func TestPagesAreDocumentsOnly(t *testing.T) {
	files := fstest.MapFS{"proxy.html": {}}
	for _, page := range Pages(signsIn("https")) {
		files[page] = &fstest.MapFile{Data: []byte("<!doctype html>")}
	}
	handler := VaultHandler(signsIn("https"), files)
	for _, page := range Pages(signsIn("https")) {
		for dest, status := range map[string]int{
			"document": 200, "": 200,
			"iframe": 403, "frame": 403, "embed": 403, "object": 403, "empty": 403, "script": 403, "Document": 403, "document, empty": 403,
		} {
			t.Run(page+" for "+dest, func(t *testing.T) {
				head := map[string]string{"Sec-Fetch-Dest": dest}
				if dest == "" {
					head = nil // an old browser
				}
				answer := request{target: "/" + page, head: head}.to(handler)
				if !TopLevel(page) {
					status = 200
				}
				require.Equal(t, status, answer.Code)
				require.Equal(t, NoStore, answer.Header().Get("Cache-Control"))
				for _, header := range VaultHeaders(signsIn("https"), page) {
					require.Equal(t, []string{header.Value}, answer.Header().Values(header.Name))
				}
				if status == http.StatusForbidden {
					require.Contains(t, answer.Body.String(), "a document of its own")
				}
			})
		}
	}
	embedded := request{target: "/proxy.html", head: map[string]string{"Sec-Fetch-Dest": "iframe"}}
	require.Equal(t, 200, embedded.to(handler).Code, "the frame is one")
	embedded.target = "/" + protocol.LoginPage
	require.Equal(t, 404, embedded.to(vault()).Code, "where the app signs in there is no page to speak of")
}

func TestVaultHasNoOtherFiles(t *testing.T) {
	for _, target := range []string{
		"", "/", "//proxy.html", "/./proxy.html", "/../static/proxy.html", "/dir/../proxy.html", "/..",
		"/proxy.html/", "/dir", "/dir/", "/proxy.html\x00", "\\proxy.html", "/..\\proxy.html",
		"/proxy.html.br", "/" + wasmName + ".br", "/_headers", "/.env", "/dir/.git/x",
	} {
		t.Run(target, func(t *testing.T) {
			require.Equal(t, http.StatusNotFound, request{target: target}.to(vault()).Code)
		})
	}
	require.Equal(t, http.StatusOK, request{target: "/archive.gz"}.to(vault()).Code, "a compressed file that is no file's twin")
}

func TestCompressedByNegotiation(t *testing.T) {
	tests := []struct{ name, target, accept, coding, body string }{
		{"nothing said", "/proxy.html", "", "", "<!doctype html>"},
		{"a browser", "/proxy.html", "gzip, deflate, br, zstd", "br", "html in br"},
		{"gzip only", "/proxy.html", "gzip", "gzip", "html in gzip"},
		{"upper case", "/proxy.html", "GZIP", "gzip", "html in gzip"},
		{"br refused", "/proxy.html", "br;q=0, gzip;q=0.5", "gzip", "html in gzip"},
		{"br refused with digits", "/proxy.html", "br; q=0.000, gzip ; q=1.000", "gzip", "html in gzip"},
		{"everything", "/proxy.html", "*", "br", "html in br"},
		{"everything but br", "/proxy.html", "*;q=0.1, br;q=0", "gzip", "html in gzip"},
		{"nothing", "/proxy.html", "identity;q=1, *;q=0", "", "<!doctype html>"},
		{"weight that is none", "/proxy.html", "br;q=x", "", "<!doctype html>"},
		{"name that only contains ours", "/proxy.html", "brotli, xgzip", "", "<!doctype html>"},
		{"the better is missing", "/" + wasmName, "gzip", "", "\x00asm module"},
		{"no twin", "/plain.bin", "br", "", "0123456789"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := request{target: test.target, head: map[string]string{"Accept-Encoding": test.accept}}.to(vault())
			require.Equal(t, 200, answer.Code)
			require.Equal(t, test.coding, answer.Header().Get("Content-Encoding"))
			require.Equal(t, test.body, answer.Body.String())
			require.Equal(t, ContentType(test.target), answer.Header().Get("Content-Type"))
			if test.target != "/plain.bin" {
				require.Equal(t, "Accept-Encoding", answer.Header().Get("Vary"))
			}
		})
	}
}

func TestHeadSaysTheLengthOfWhatGetSends(t *testing.T) {
	for _, accept := range []string{"", "br"} {
		head := map[string]string{"Accept-Encoding": accept}
		get := request{target: "/proxy.html", head: head}.to(vault())
		answer := request{method: "HEAD", target: "/proxy.html", head: head}.to(vault())
		require.Empty(t, answer.Body.String())
		require.Equal(t, get.Header(), answer.Header())
		require.NotEmpty(t, answer.Header().Get("Content-Length"))
	}
}

func TestETag(t *testing.T) {
	plain := request{target: "/proxy.html"}.to(vault()).Header().Get("ETag")
	br := request{target: "/proxy.html", head: map[string]string{"Accept-Encoding": "br"}}.to(vault()).Header().Get("ETag")
	require.Regexp(t, `^"[\w-]{22}"$`, plain, "strong")
	require.NotEqual(t, plain, br, "each representation has its own")

	tests := []struct {
		name, tag, accept string
		status            int
	}{
		{"known", plain, "", 304},
		{"known and compressed", br, "br", 304},
		{"one of several", `"x", ` + plain, "", 304},
		{"of the other representation", plain, "br", 200},
		{"unknown", `"x"`, "", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := request{target: "/proxy.html", head: map[string]string{
				"If-None-Match": test.tag, "Accept-Encoding": test.accept,
			}}.to(vault())
			require.Equal(t, test.status, answer.Code)
			if test.status == http.StatusNotModified {
				require.Empty(t, answer.Body.String())
				require.Equal(t, "?1", answer.Header().Get("Origin-Agent-Cluster"))
				require.Equal(t, "Accept-Encoding", answer.Header().Get("Vary"))
			}
		})
	}
}

func TestRange(t *testing.T) {
	part := map[string]string{"Range": "bytes=2-3", "Accept-Encoding": "br"}
	answer := request{target: "/plain.bin", head: part}.to(vault())
	require.Equal(t, 206, answer.Code)
	require.Equal(t, "23", answer.Body.String())

	answer = request{target: "/proxy.html", head: part}.to(vault())
	require.Equal(t, 200, answer.Code, "never a part of compressed bytes")
	require.Equal(t, "html in br", answer.Body.String())
}

func TestApp(t *testing.T) {
	app := App{
		Table: table("https"), Worker: "/js/sw.js", Scope: "/",
		Files: Overlay(
			fstest.MapFS{"interceptor.js": {Data: []byte("ours")}, "tokenvault.js": {Data: []byte("ours")}},
			fstest.MapFS{
				"index.html": {Data: []byte("home")}, "shop/index.html": {Data: []byte("shop")},
				"js/sw.js": {Data: []byte("theirs")}, "tokenvault.js": {Data: []byte("an old copy")},
				".well-known/security.txt": {Data: []byte("contact")},
			},
		),
	}
	const policy = "frame-src https://vault.example.com"
	tests := []struct {
		name, target, body, csp, allowed string
	}{
		{"index", "/", "home", policy, ""},
		{"index of a directory", "/shop/", "shop", policy, ""},
		{"well-known", "/.well-known/security.txt", "contact", "", ""},
		{"ours over theirs", "/tokenvault.js", "ours", "", ""},
		{"our worker", "/interceptor.js", "ours", value(t, WorkerHeaders(app.Table), "Content-Security-Policy"), ""},
		{"the app's worker", "/js/sw.js", "theirs", "", "/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := request{target: test.target, host: "any"}.to(AppHandler(app, PagePolicy(policy)))
			require.Equal(t, 200, answer.Code)
			require.Equal(t, test.body, answer.Body.String())
			require.Equal(t, test.csp, answer.Header().Get("Content-Security-Policy"))
			require.Equal(t, test.allowed, answer.Header().Get("Service-Worker-Allowed"))
			require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
			require.Equal(t, NoCache, answer.Header().Get("Cache-Control"))
		})
	}
	require.Equal(t, 404, request{target: "/shop"}.to(AppHandler(app)).Code)
	require.Empty(t, request{target: "/"}.to(AppHandler(app)).Header().Get("Content-Security-Policy"))
}

func TestInsecureOverrideHeader(t *testing.T) {
	handler := vault(InsecureOverrideHeader("Origin-Agent-Cluster", ""), InsecureOverrideHeader("Referrer-Policy", "unsafe-url"))
	answer := request{target: "/proxy.html"}.to(handler)
	require.NotContains(t, answer.Header(), "Origin-Agent-Cluster")
	require.Equal(t, "unsafe-url", answer.Header().Get("Referrer-Policy"))
}

// unreadable has every file, and none can be read.
type unreadable struct{ fs.FS }

func (u unreadable) Open(name string) (fs.File, error) {
	file, err := u.FS.Open(name)
	return unreadableFile{file}, err
}

type unreadableFile struct{ fs.File }

func (unreadableFile) Read([]byte) (int, error) { return 0, fs.ErrClosed }

func TestUnreadableFileIsAPlainError(t *testing.T) {
	answer := request{target: "/proxy.html"}.to(VaultHandler(table("https"), unreadable{vaultFiles()}))
	require.Equal(t, 500, answer.Code)
	require.Equal(t, "the file cannot be read\n", answer.Body.String(), "the cause is the server's business")
}
