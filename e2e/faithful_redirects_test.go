package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// The direct requests go past the browser's cache, which keeps 301 and 308.
func TestRedirectsAreFollowedAsByADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, request := range map[string]string{
			"GET":                    `{}`,
			"HEAD":                   `{ method: "HEAD" }`,
			"POST":                   `{ method: "POST", body: "kept, or not" }`,
			"PUT":                    `{ method: "PUT", body: new Blob([new Uint8Array([0, 255])], { type: "image/png" }) }`,
			"DELETE":                 `{ method: "DELETE" }`,
			"GET with a header":      `{ headers: { "X-App": "1" } }`,
			"GET, manual":            `{ redirect: "manual" }`,
			"POST, manual":           `{ method: "POST", body: "x", redirect: "manual" }`,
			"GET, error":             `{ redirect: "error" }`,
			"GET that wants a match": `{ integrity: "sha256-AAAA" }`,
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				through, direct := evalBoth[sight](t, w, fmt.Sprintf(
					`return observe(api + "/public/redirect?status=%d&to=" + encodeURIComponent("/public/echo?a=b"), { cache: "no-store", ...%s })`, status, request))
				// The echo has the headers that the vault adds.
				if direct.Status == http.StatusOK {
					require.True(t, direct.Redirected)
					through.Length, through.SHA256 = direct.Length, direct.SHA256
				}
				assert.Equal(t, direct.withoutLength(), through.withoutLength())

				arrived := func(p *tab) (requests []string) {
					w.IDP.ClearRequests()
					eval[sight](p, w.names()+fmt.Sprintf(
						`return observe(api + "/public/redirect?status=%d&to=" + encodeURIComponent("/public/upload?a=b"), { cache: "no-store", ...%s })`, status, request))
					for _, r := range w.calls() {
						requests = append(requests, fmt.Sprintln(r.Method, r.Path, r.Query, r.BodySHA256, r.Header.Get("Content-Type"), r.Header.Get("X-App")))
					}
					return requests
				}
				assert.Equal(t, arrived(w.direct), arrived(w.through))
			})
		}
	}
}

func TestRedirectedURLIsThatOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, to := range map[string]string{
		"a path":                    `"/public/text"`,
		"a path beside":             `"text"`,
		"a query alone":             `"?to=text"`,
		"a URL":                     `api + "/public/text?a=b"`,
		"a fragment":                `"/public/text#there"`,
		"two redirects":             `"/public/redirect?to=text"`,
		"three of different kinds":  `"/public/redirect?status=307&to=" + encodeURIComponent("/public/redirect?status=303&to=text")`,
		"an error of the API":       `"/public/status/404"`,
		"a body that is not there":  `"/public/status/204"`,
		"no end":                    `"loop"`,
		"a URL that is none":        `"http://["`,
		"no place on the network":   `"data:text/plain,x"`,
		"another scheme":            `"ftp://" + new URL(api).host + "/public/text"`,
		"credentials in the URL":    `"http://a:b@" + new URL(api).host + "/public/text"`,
		"a large body":              `"/public/big?size=5000000"`,
		"a stream of chunks":        `"/public/chunks?sizes=1,0,70000"`,
		"a port where nobody is":    `"http://api.example.localhost:1/public/text"`,
		"a path with odd escapes":   `"/public/text?%7e%zz"`,
		"a fragment of the app's":   `"/public/text", "#mine"`,
		"a fragment instead of its": `"/public/text#there", "#mine"`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no end" {
				to = `"/s/loop"`
			}
			through, direct := evalBoth[sight](t, w, `
				const [to, hash = ""] = [`+to+`];
				return observe(to === "/s/loop" ? U(to) : api + "/public/redirect?to=" + encodeURIComponent(to) + hash)`)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
	t.Run("XMLHttpRequest", func(t *testing.T) {
		got := alike[string](t, w, `return new Promise((resolve) => {
			const request = new XMLHttpRequest();
			request.open("GET", api + "/public/redirect?to=text");
			request.onloadend = () => resolve([request.status, request.responseURL, request.responseText.length].join());
			request.send();
		})`)
		assert.Contains(t, got, "/public/text")
	})
}

// TestRedirectTakesTheTokenOfItsTarget has an API redirect to another origin. What the
// configuration lists there belongs to another client with another token, and gets that
// client's, as if the app had asked for it: where it can be asked for twice, since the
// browser has followed by then, without a token. What a POST has done there is not done
// again. What is not listed at an origin with a listed path is reached without a token.
func TestRedirectTakesTheTokenOfItsTarget(t *testing.T) {
	t.Parallel()
	landing := newLanding(t, "listed")
	w := newFaithful(t, func(c *demo.Configuration) {
		c.Clients[1].Resources = append(c.Clients[1].Resources, demo.Resource{URL: landing.origin + "/target"})
	})
	w.signInFrom(w.through, demo.PingClient)
	tokens := map[string]string{}
	for _, path := range []string{"/v1/whoami", "/v2/whoami"} {
		tokens[path] = eval[reply](w.through, `return `+asking(w.APIURL+path, `{}`)).Token
	}
	require.NotEqual(t, tokens["/v1/whoami"], tokens["/v2/whoami"])
	without, theirs := "", tokens["/v2/whoami"]

	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, tc := range []struct {
			name, request string
			listed        []string // the tokens of the requests that arrive at a listed target
		}{
			{"GET", `{}`, []string{without, theirs}},
			{"HEAD", `{ method: "HEAD" }`, []string{without, theirs}},
			{"GET by XMLHttpRequest", xhr, []string{without, theirs}},
			{"GET with an Authorization of its own", `{ headers: { Authorization: "Bearer mine" } }`, []string{without, theirs}},
			{"POST", `{ method: "POST", body: "kept, or not" }`, []string{without}},
			{"PUT", `{ method: "PUT", body: new Blob([new Uint8Array([0, 255])], { type: "image/png" }) }`, []string{without}},
			{"DELETE", `{ method: "DELETE" }`, []string{without}},
		} {
			for path, want := range map[string][]string{"/target": tc.listed, "/elsewhere": {without}} {
				t.Run(fmt.Sprint(path, " ", status, " ", tc.name), func(t *testing.T) {
					script := w.names() + redirected(status, landing.origin+path+"?a=b", tc.request)
					landing.take()
					direct := eval[sight](w.direct, script)
					arrived := landing.take()
					require.Equal(t, landing.origin+path+"?a=b", direct.URL)
					require.Len(t, arrived, 1)
					assert.Equal(t, direct.withoutLength(), eval[sight](w.through, script).withoutLength())
					var got []string
					for _, visit := range landing.take() {
						got = append(got, visit.token)
						// The vault's own second request is no redirect.
						visit.token, visit.origin = arrived[0].token, arrived[0].origin
						assert.Equal(t, arrived[0], visit)
					}
					assert.Equal(t, want, got)
				})
			}
		}
	}
}

// TestRedirectToAnOriginThatTheConfigurationDoesNotNameFails has a difference from a
// direct fetch that stays: the vault's connect-src names the configured origins and no
// other, so that nothing which goes wrong in the vault can carry a token elsewhere. Nor
// can the page be sent there in the vault's place: the browser does not tell the vault
// where a redirect leads that it does not follow.
func TestRedirectToAnOriginThatTheConfigurationDoesNotNameFails(t *testing.T) {
	t.Parallel()
	landing := newLanding(t, "elsewhere")
	w := newFaithful(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, request := range map[string]string{
			"GET":                   `{}`,
			"GET by XMLHttpRequest": xhr,
			"POST":                  `{ method: "POST", body: "kept, or not" }`,
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				script := w.names() + redirected(status, landing.origin+"/target", request)
				eval[sight](w.direct, script)
				require.Len(t, landing.take(), 1, "control: it is followed without a vault")
				assert.Equal(t, sight{Error: "TypeError"}, eval[sight](w.through, script))
				assert.Empty(t, landing.take())
			})
		}
	}
}

// xhr stands for a request by XMLHttpRequest.
const xhr = `"XMLHttpRequest"`

// redirected is a script that makes a request which the API redirects, and returns a
// sight.
func redirected(status int, to, request string) string {
	return `
		const request = ` + request + `, url = api + "/public/redirect?status=` + fmt.Sprint(status) + `&to=" + ` + js(url.QueryEscape(to)) + `;
		if (request !== ` + xhr + `) return observe(url, request);
		return new Promise((resolve) => {
			const request = new XMLHttpRequest();
			request.open("GET", url);
			request.onload = () => resolve({ Status: request.status, URL: request.responseURL, Length: request.responseText.length });
			request.onerror = () => resolve({ Error: "TypeError" });
			request.send();
		})`
}

// landing is a server that a redirect leads to, and what arrived there. It answers
// with JSON, where a test adds no other route.
type landing struct {
	origin string
	routes *http.ServeMux
	mu     sync.Mutex
	seen   []visit
}

// visit is one request. The token is there as its hash.
type visit struct{ method, uri, origin, contentType, token, body string }

func newLanding(t *testing.T, name string) *landing {
	t.Helper()
	target := &landing{routes: http.NewServeMux()}
	target.routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"at": name}); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	server := httptest.NewServer(admitAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		got := visit{method: r.Method, uri: r.RequestURI, origin: r.Header.Get("Origin"), contentType: r.Header.Get("Content-Type"), body: string(body)}
		if authorization := r.Header.Get("Authorization"); authorization != "" {
			got.token = hash(authorization[min(len("Bearer "), len(authorization)):])
		}
		target.mu.Lock()
		target.seen = append(target.seen, got)
		target.mu.Unlock()
		target.routes.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	target.origin = "http://" + name + ".example.localhost:" + port
	return target
}

// take returns what arrived since it was last asked.
func (l *landing) take() []visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}
