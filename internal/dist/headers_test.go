package dist

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/static"
)

// heads are the headers by path that a header file says, read by a reader of
// the server's own format.
type heads map[string]map[string]string

func (h heads) set(tb testing.TB, path, name, value string) {
	tb.Helper()
	if h[path] == nil {
		h[path] = map[string]string{}
	}
	require.NotContains(tb, h[path], name, "set twice for %s", path)
	h[path][name] = value
}

// parse reads a header file by the patterns of a path and of a header line.
func parse(tb testing.TB, content []byte, path, header *regexp.Regexp) heads {
	tb.Helper()
	found, current := heads{}, ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, "\n")
		if match := path.FindStringSubmatch(line); match != nil {
			current = match[1]
		} else if match := header.FindStringSubmatch(line); match != nil {
			found.set(tb, current, match[1], match[2])
		}
	}
	return found
}

func nginxHeads(tb testing.TB, content []byte) heads {
	tb.Helper()
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, "add_header") {
			require.NotEqual(tb, strings.Contains(line, cacheControl), strings.Contains(line, "always"),
				"on an error page every header but Cache-Control: %s", line)
		}
	}
	return parse(tb, content, regexp.MustCompile(`^location (.*) \{$`), regexp.MustCompile(`^    add_header ([\w-]+) "([^"]*)"(?: always)?;$`))
}

func caddyHeads(tb testing.TB, content []byte) heads {
	tb.Helper()
	// The paths of a matcher come in its place.
	matcher := regexp.MustCompile(`(?m)^\t(@\d+) \{\n\t\tpath(?:_regexp)? (.*)\n\t\tfile\n\t\}\n`)
	text := string(content)
	for _, match := range matcher.FindAllStringSubmatch(text, -1) {
		text = strings.Replace(text, "\theader "+match[1]+" {", "\theader "+match[2]+" {", 1)
	}
	require.NotContains(tb, text, "header @", "a matcher that is none")
	return parse(tb, []byte(text), regexp.MustCompile(`^\theader (.*) \{$`), regexp.MustCompile(`^\t\t([\w-]+) "([^"]*)"$`))
}

func staticHeads(tb testing.TB, content []byte) heads {
	return parse(tb, content, regexp.MustCompile(`^(/.*)$`), regexp.MustCompile(`^  ([\w-]+): (.*)$`))
}

func toMap(headers []static.Header) map[string]string {
	m := map[string]string{}
	for _, header := range headers {
		m[header.Name] = header.Value
	}
	return m
}

func headerFiles(tb testing.TB, in inputs) files {
	tb.Helper()
	all, _, err := assemble(in)
	require.NoError(tb, err)
	addHeaderFiles(in, all)
	return all
}

func TestVaultHeaderFilesSayWhatServeSends(t *testing.T) {
	in := fixture()
	all := headerFiles(t, in)
	common := static.VaultHeaders(in.table, static.FrameName)
	kept, forgotten := toMap(cached(common, static.CacheForever)), toMap(cached(common, static.NoStore))

	require.Equal(t, heads{"/": forgotten, `~ "` + static.HashedPattern + `"`: kept}, nginxHeads(t, all["headers/vault.nginx.conf"]))
	require.Equal(t, heads{"*": forgotten, static.HashedPattern: kept}, caddyHeads(t, all["headers/vault.Caddyfile"]))

	// A static host joins values of a name that two rules set: none may.
	found := staticHeads(t, all["vault/_headers"])
	require.Equal(t, toMap(common), found["/*"])
	for _, path := range append(paths(all, vaultFolder), "/proxy") {
		if path == "/_headers" {
			continue
		}
		want := static.NoStore
		if static.Hashed(path) {
			want = static.CacheForever
		}
		require.Equal(t, map[string]string{"Cache-Control": want}, found[path], path)
		delete(found, path)
	}
	require.Len(t, found, 1)
}

// The vault's own pages have headers of their own, in every format.
func TestHeaderFilesOfPages(t *testing.T) {
	in := withSignIn()
	all := headerFiles(t, in)
	frame := static.VaultHeaders(in.table, static.FrameName)
	forgotten, kept := toMap(cached(frame, static.NoStore)), toMap(cached(frame, static.CacheForever))
	nginx := heads{"/": forgotten, `~ "` + static.HashedPattern + `"`: kept}
	caddy := heads{"*": forgotten, static.HashedPattern: kept}
	for _, page := range static.Pages(in.table) {
		head := toMap(cached(static.VaultHeaders(in.table, page), static.NoStore))
		nginx["= /"+page], caddy["/"+page] = head, head
	}
	require.Len(t, nginx, 7)
	require.Equal(t, nginx, nginxHeads(t, all["headers/vault.nginx.conf"]))
	require.Equal(t, caddy, caddyHeads(t, all["headers/vault.Caddyfile"]))

	const csp = "Content-Security-Policy"
	found := staticHeads(t, all["vault/_headers"])
	require.Equal(t, toMap(static.VaultHeadersOfAll(in.table)), found["/*"])
	for _, page := range append(static.Pages(in.table), static.FrameName) {
		want := map[string]string{cacheControl: static.NoStore, csp: toMap(static.VaultHeaders(in.table, page))[csp]}
		require.Equal(t, want, found["/"+page])
		require.Equal(t, want, found["/"+strings.TrimSuffix(page, ".html")])
	}
	for path, head := range found {
		if static.Hashed(path) {
			require.Equal(t, map[string]string{cacheControl: static.CacheForever}, head)
		}
	}
}

// Only what is shown to a person is refused to a frame, and only where the browser
// says that it is one.
func TestHeaderFilesRefusePagesToFrames(t *testing.T) {
	all := headerFiles(t, withSignIn())
	nginx := string(all["headers/vault.nginx.conf"])
	for _, location := range strings.Split(nginx, "\nlocation ")[1:] {
		path, rest, _ := strings.Cut(location, " {\n")
		guard := strings.HasPrefix(rest, "    if ($http_sec_fetch_dest !~ \"^(document)?$\") {\n        return 403;\n    }\n")
		require.Equal(t, static.TopLevel(strings.TrimPrefix(path, "= /")), guard, path)
	}
	require.Contains(t, string(all["headers/vault.Caddyfile"]), `	@embedded {
		path /login.html /callback.html /logout.html /signed-out.html
		header Sec-Fetch-Dest *
		not header Sec-Fetch-Dest document
	}
	respond @embedded 403
	file_server {
`)
	plain := headerFiles(t, fixture())
	require.NotContains(t, string(plain["headers/vault.nginx.conf"]), "sec_fetch")
	require.NotContains(t, string(plain["headers/vault.Caddyfile"]), "Sec-Fetch")
}

func TestAppHeaderFilesNameOurFilesOnly(t *testing.T) {
	in := fixture()
	all := headerFiles(t, in)
	want := heads{}
	for _, path := range paths(all, appFolder) {
		switch {
		case path == "/_headers":
		case path == "/interceptor.js":
			want[path] = toMap(cached(static.WorkerHeaders(in.table), static.NoCache))
		case static.Hashed(path):
			want[path] = toMap(cached(static.AppHeaders(), static.CacheForever))
		default:
			want[path] = toMap(cached(static.AppHeaders(), static.NoCache))
		}
	}
	require.Len(t, want, 6)
	require.Equal(t, want, staticHeads(t, all["app/_headers"]))
	require.Equal(t, want, caddyHeads(t, all["headers/app.Caddyfile"]))

	exact := heads{}
	for path, head := range want {
		exact["= "+path] = head
	}
	require.Equal(t, exact, nginxHeads(t, all["headers/app.nginx.conf"]))
}

func TestHeaderFilesAdviseTheAppsOwnPolicy(t *testing.T) {
	in := fixture()
	in.worker, in.scope = "/js/sw.js", "/"
	all := headerFiles(t, in)
	for _, name := range []string{"app/_headers", "headers/app.nginx.conf", "headers/app.Caddyfile"} {
		text := string(all[name])
		require.Contains(t, text, "# A Content-Security-Policy of the app's own pages needs: frame-src https://vault.example.com\n", name)
		require.Contains(t, text, "# A Content-Security-Policy of /js/sw.js needs: script-src 'self' 'wasm-unsafe-eval'\n", name)
	}
	require.Equal(t, map[string]string{"Service-Worker-Allowed": "/"}, staticHeads(t, all["app/_headers"])["/js/sw.js"])
}

func TestServiceWorkerAllowedOnOurOwnWorker(t *testing.T) {
	in := fixture()
	in.scope = "/"
	require.NotContains(t, string(headerFiles(t, in)["app/_headers"]), "Service-Worker-Allowed")
}

func TestNoStrictTransportSecurityForHTTP(t *testing.T) {
	in := fixture()
	in.table.AppOrigin, in.table.VaultOrigin = "http://app.example.localhost:8080", "http://vault.example.localhost:8081"
	for name, content := range headerFiles(t, in) {
		require.NotContains(t, string(content), "Strict-Transport-Security", name)
	}
}
