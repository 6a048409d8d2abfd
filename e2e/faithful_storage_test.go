package e2e

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
	"tokenvault/static"
)

// newStorage is a landing that the configuration names as an origin to which redirects
// may lead, as an API's presigned URLs lead to a storage host, and two ways to it.
func newStorage(t *testing.T, change ...func(*demo.Configuration)) (*landing, *twoWays) {
	t.Helper()
	storage := newLanding(t, "storage")
	w := newFaithful(t, append(change, func(c *demo.Configuration) { c.RedirectOrigins = []string{storage.origin} })...)
	return storage, w
}

// serveTheAPI has the storage host answer below /public/ as the API does.
func (l *landing) serveTheAPI(t *testing.T, w *twoWays) {
	t.Helper()
	api, err := url.Parse(w.APIURL)
	require.NoError(t, err)
	api.Host = "127.0.0.1:" + api.Port() // resolvers need not know names below localhost
	l.routes.Handle("/public/", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(api) },
		ModifyResponse: func(r *http.Response) error {
			for name := range r.Header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
					r.Header.Del(name) // a landing has its own
				}
			}
			return nil
		},
	})
}

// TestRedirectToANamedOriginIsThatOfADirectFetch has an API redirect to an origin that
// tokenvault.json names under redirectOrigins: it ends as without a vault, and there is
// no token in what arrives. That each request had one at the API is the control.
func TestRedirectToANamedOriginIsThatOfADirectFetch(t *testing.T) {
	t.Parallel()
	storage, w := newStorage(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, request := range map[string]string{
			"GET":                                  `{ cache: "no-store" }`,
			"GET with a header":                    `{ cache: "no-store", headers: { "X-App": "1" } }`,
			"GET with credentials":                 `{ cache: "no-store", credentials: "include" }`,
			"GET with an Authorization of its own": `{ cache: "no-store", headers: { Authorization: "Bearer mine" } }`,
			"GET by XMLHttpRequest":                xhr,
			"HEAD":                                 `{ cache: "no-store", method: "HEAD" }`,
			"POST":                                 `{ method: "POST", body: "kept, or not" }`,
			"POST of a form":                       `{ method: "POST", body: new URLSearchParams("a=b") }`,
			"PUT":                                  `{ method: "PUT", body: new Blob([new Uint8Array([0, 255])], { type: "image/png" }) }`,
			"PATCH":                                `{ method: "PATCH", body: "kept" }`,
			"DELETE":                               `{ method: "DELETE" }`,
			"GET, manual":                          `{ cache: "no-store", redirect: "manual" }`,
			"POST, error":                          `{ method: "POST", body: "x", redirect: "error" }`,
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				script := w.names() + redirected(status, storage.origin+"/file?signature=a%20b", request)
				storage.take()
				direct := eval[sight](w.direct, script)
				want := storage.take()
				if !strings.Contains(request, "redirect:") {
					require.Equal(t, storage.origin+"/file?signature=a%20b", direct.URL)
					require.Len(t, want, 1)
				}
				w.IDP.ClearRequests()

				assert.Equal(t, direct.withoutLength(), eval[sight](w.through, script).withoutLength())

				arrived := storage.take()
				assert.Equal(t, want, arrived, "with method, body and type, and from an origin that is null")
				for _, visit := range arrived {
					assert.Empty(t, visit.token)
					assert.Equal(t, "null", visit.origin)
				}
				calls := w.calls()
				require.Len(t, calls, 1)
				assert.NotEmpty(t, calls[0].Authorization, "control: it went through the vault")
			})
		}
	}
}

// TestBodiesOfANamedOriginAreThoseOfADirectFetch has what storage hosts are for: files.
func TestBodiesOfANamedOriginAreThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	storage, w := newStorage(t)
	storage.serveTheAPI(t, w)
	at := func(path, part string) string {
		headers := ""
		if part != "" {
			headers = "Range: " + js(part)
		}
		return redirected(http.StatusFound, storage.origin+path, `{ cache: "no-store", headers: {`+headers+`} }`)
	}
	for name, file := range map[string]struct{ path, part string }{
		"text":                  {"/public/text", ``},
		"a large text":          {"/public/big?type=text&size=5000000", ``},
		"large and binary":      {"/public/big?size=5000000", ``},
		"a stream of chunks":    {"/public/chunks?sizes=1,0,70000", ``},
		"nothing":               {"/public/status/204", ``},
		"an error":              {"/public/status/404", ``},
		"one more redirect":     {"/public/redirect?to=text", ``},
		"a part":                {"/public/sound", `bytes=100-199`},
		"a part of the end":     {"/public/sound", `bytes=2000000-`},
		"a part that is beyond": {"/public/sound", `bytes=9000000-`},
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := evalBoth[sight](t, w, at(file.path, file.part))
			require.True(t, direct.Redirected)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
	t.Run("a part of a text is the whole", func(t *testing.T) {
		const file = "/public/file?type=text"
		through, direct := evalBoth[sight](t, w, at(file, "bytes=1-3"))
		require.Equal(t, http.StatusPartialContent, direct.Status)
		assert.Equal(t, eval[sight](w.direct, w.names()+at(file, "")).withoutLength(), through.withoutLength())
	})
}

// TestElementsFollowARedirectToANamedOrigin has elements load what is there, with CORS
// and without.
func TestElementsFollowARedirectToANamedOrigin(t *testing.T) {
	t.Parallel()
	storage, w := newStorage(t)
	storage.serveTheAPI(t, w)
	const names = `
		const at = (path) => api + "/public/redirect?to=" + encodeURIComponent(storage + path + "?" + crypto.randomUUID());
		const settled = (element, event) => new Promise((resolve, reject) => {
			element.addEventListener(event, resolve, { once: true });
			element.addEventListener("error", () => reject(new Error(element.error?.message ?? "error")), { once: true });
		});`
	for _, attributes := range []string{``, `crossOrigin: "anonymous"`} {
		t.Run("an image, "+attributes, func(t *testing.T) {
			got := alike[[]any](t, w, `const storage = `+js(storage.origin)+`;`+names+`
				const image = Object.assign(new Image(), { `+attributes+` });
				const loaded = settled(image, "load");
				image.src = at("/public/picture");
				await loaded;
				const context = Object.assign(document.createElement("canvas"), { width: 7, height: 5 }).getContext("2d");
				context.drawImage(image, 0, 0);
				return [image.naturalWidth, image.naturalHeight, `+fmt.Sprint(attributes != "")+` && [...context.getImageData(6, 4, 1, 1).data].join()]`)
			assert.Equal(t, []any{7.0, 5.0}, got[:2])
		})
		for _, element := range []string{"audio", "video"} {
			t.Run(element+" that seeks, "+attributes, func(t *testing.T) {
				w.IDP.ClearRequests()
				got := alike[[]any](t, w, `const storage = `+js(storage.origin)+`;`+names+`
					const media = Object.assign(document.createElement("`+element+`"), { preload: "auto", muted: true, `+attributes+` });
					const known = settled(media, "loadedmetadata");
					media.src = at("/public/sound");
					document.body.append(media);
					await known;
					const seen = [media.duration];
					for (const to of [50, 10, 59.5]) {
						const sought = settled(media, "seeked");
						media.currentTime = to;
						await sought;
						seen.push(media.currentTime, media.seekable.length);
					}
					media.remove();
					return seen`)
				assert.Equal(t, 60.0, got[0])
				parts, redirects := 0, 0
				for _, r := range w.calls() {
					if r.Path == "/public/redirect" && r.Authorization != "" {
						redirects++
					}
					if r.Path == "/public/sound" {
						assert.Empty(t, r.Authorization)
						if r.Status == http.StatusPartialContent {
							parts++
						}
					}
				}
				assert.GreaterOrEqual(t, parts, 2, "in both pages")
				assert.NotZero(t, redirects, "control: it went through the vault")
			})
		}
	}
}

// TestNamedOriginIsForRedirectsAlone has the app ask for such an origin itself: the vault
// has nothing to do with it.
func TestNamedOriginIsForRedirectsAlone(t *testing.T) {
	t.Parallel()
	storage, w := newStorage(t)
	origins := map[*tab]string{w.through: w.AppURL, w.direct: strings.TrimSuffix(w.sample.page, "/plain.html")}
	for name, request := range map[string]string{
		"GET":                              `{ cache: "no-store" }`,
		"POST":                             `{ method: "POST", body: "x" }`,
		"GET with an Authorization of its": `{ headers: { Authorization: "Bearer mine" } }`,
	} {
		t.Run(name, func(t *testing.T) {
			alike[sight](t, w, `return observe(`+js(storage.origin+"/v1/whoami")+`, `+request+`)`)
			storage.take()
			for p, origin := range origins {
				eval[sight](p, w.names()+`return observe(`+js(storage.origin+"/v1/whoami")+`, `+request+`)`)
				arrived := storage.take()
				require.Len(t, arrived, 1)
				assert.Equal(t, origin, arrived[0].origin, "the page's own request, not the vault's")
				assert.Equal(t, strings.Contains(request, "mine"), arrived[0].token == hash("mine"), "its own header is left alone")
			}
		})
	}
}

// TestNamedOriginIsNotTrusted has the storage host give out a token that it was told of,
// and say that the token it never got is invalid.
func TestNamedOriginIsNotTrusted(t *testing.T) {
	t.Parallel()
	storage, w := newStorage(t)
	storage.routes.HandleFunc("/echo", func(rw http.ResponseWriter, r *http.Request) {
		token := w.token(devidp.AccessToken)
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("ETag", token)
		writeBody(rw, []byte(`{"token":"`+token+`"}`))
	})
	storage.routes.HandleFunc("/refuse", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		rw.WriteHeader(http.StatusUnauthorized)
	})
	read := func(p *tab, path string) string {
		return eval[string](p, w.names()+`
			const response = await fetch(api + "/public/redirect?to=" + encodeURIComponent(`+js(storage.origin+path)+`));
			return [response.status, response.url, await response.text(), JSON.stringify([...response.headers].filter(([name]) => name !== "content-length"))].join(" ")`)
	}
	assert.NotEmpty(t, w.found(read(w.direct, "/echo")), "control: it gives the token out")
	through := read(w.through, "/echo")
	w.noToken(through, "the answer of a storage host")
	assert.Contains(t, through, "200 "+storage.origin+"/echo ")

	w.IDP.ClearRequests()
	assert.Equal(t, read(w.direct, "/refuse"), read(w.through, "/refuse"))
	for _, r := range w.IDP.Requests() {
		assert.NotEqual(t, "/token", r.Path, "the session is not renewed for it")
	}
	assert.Len(t, w.calls(), 2, "and the request not repeated")
	w.canary(w.through)
}

// TestRefusedRedirectIsExplainedOnTheConsole reads the console of the vault's frame. The
// page cannot tell a redirect that the vault's policy refuses from a network failure; the
// developer can. Other failures come between them, and are not explained.
func TestRefusedRedirectIsExplainedOnTheConsole(t *testing.T) {
	t.Parallel()
	const secret = "presigned-0123456789"
	elsewhere, listed := newLanding(t, "elsewhere"), newLanding(t, "listed")
	storage, w := newStorage(t, func(c *demo.Configuration) {
		c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: listed.origin + "/target/*"})
	})
	storage.routes.HandleFunc("/on", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.origin+"/?"+secret, http.StatusFound)
	})
	storage.routes.HandleFunc("/closed", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Del("Access-Control-Allow-Origin")
	})
	storage.routes.HandleFunc("/drop", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	// It redirects who has a token: the second request, to a URL that the app has not asked for.
	listed.routes.HandleFunc("/target/", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			http.Redirect(rw, r, elsewhere.origin+"/?"+secret, http.StatusFound)
		}
	})
	frame, own := w.frameOf(w.through)
	require.True(t, own)
	to := func(target string) string {
		return `observe(api + "/public/redirect?secret=` + secret + `&to=" + encodeURIComponent(` + js(target) + `), `
	}
	gone := elsewhere.origin + "/gone/" + secret + "?" + secret
	for _, script := range []string{
		to(storage.origin+"/closed") + `{})`,
		to(gone) + `{ redirect: "error" })`,
		to(storage.origin+"/drop") + `{ method: "POST", body: "x" })`,
		`observe(U("/s/drop"), { method: "POST", body: "x" })`,
		`observe(U("/s/loop"))`,
		to(gone) + `{})`,
		to(gone) + `{ method: "POST", body: "` + secret + `" })`,
		to(storage.origin+"/on") + `{})`,
		to(listed.origin+"/target/"+secret) + `{})`,
	} {
		assert.Equal(t, sight{Error: "TypeError"}, eval[sight](w.through, w.names()+`return `+script), script)
	}
	assert.Empty(t, elsewhere.take())

	explained := func() (lines []string) {
		for _, line := range frame.Console() {
			if strings.Contains(line, "Token Vault") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	line := func(method string) string {
		return `error "Token Vault: ` + method + " " + w.APIURL + `/public/redirect failed: a redirect led to an origin that tokenvault.json does not name. ` +
			`If it may lead there, without a token, add that origin to redirectOrigins, build, and deploy the vault with its headers."`
	}
	want := []string{line("GET"), line("POST"), line("GET"), line("GET")}
	require.Eventually(t, func() bool { return len(explained()) >= len(want) }, patience, 10e6, "%q", frame.Console())
	assert.Equal(t, want, explained())
	w.canary(w.through)
}

// TestRequestThatThePolicyRefusesIsNoRefusedRedirect has a vault whose headers lack an
// origin of its configuration, as after half a deployment: the browser says so itself.
func TestRequestThatThePolicyRefusesIsNoRefusedRedirect(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) {
		o.VaultOptions = append(o.VaultOptions, static.InsecureOverrideHeader("Content-Security-Policy",
			"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://auth.example.localhost:*"))
	})
	p := s.signInWithOIDC()
	frame, own := s.frameOf(p)
	require.True(t, own)
	eval[any](frame, `window.violation = new Promise((resolve) => addEventListener("securitypolicyviolation", resolve, { once: true }))`)
	assert.Equal(t, "TypeError", s.ask(p).Thrown)
	eval[any](frame, `await violation`)
	console := strings.Join(frame.Console(), "\n")
	assert.Contains(t, console, "connect-src", "the browser's own message")
	assert.NotContains(t, console, "Token Vault")
}
