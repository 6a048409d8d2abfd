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

// TestRedirectTakesTheTokenOfItsTarget has an API redirect to other origins. One is on
// the list, for another client with another token: it gets that client's, as if the app
// had asked for it. One is on nobody's list: it is reached as a direct fetch reaches it,
// without a token.
func TestRedirectTakesTheTokenOfItsTarget(t *testing.T) {
	listed, elsewhere := newLanding(t, "listed"), newLanding(t, "elsewhere")
	w := newFaithful(t, func(c *demo.Configuration) {
		c.Clients[1].Resources = append(c.Clients[1].Resources, demo.Resource{URL: listed.url})
	})
	w.signInFrom(w.through, demo.PingClient)
	tokens := map[string]string{}
	for _, path := range []string{"/v1/whoami", "/v2/whoami"} {
		tokens[path] = eval[reply](w.through, `return `+asking(w.APIURL+path, `{}`)).Token
	}
	require.NotEqual(t, tokens["/v1/whoami"], tokens["/v2/whoami"])

	for _, status := range []int{302, 307} {
		for name, request := range map[string]string{
			"GET":        `{}`,
			"POST":       `{ method: "POST", body: "kept, or not" }`,
			"GET, XHR":   `xhr`,
			"own header": `{ headers: { Authorization: "Bearer mine" } }`,
		} {
			for _, target := range []*landing{listed, elsewhere} {
				t.Run(fmt.Sprintf("%s, %d, %s", target.name, status, name), func(t *testing.T) {
					script := w.names() + `
						const xhr = "xhr", request = ` + request + `, url = api + "/public/redirect?status=` + fmt.Sprint(status) + `&to=" + ` + js(url.QueryEscape(target.url)) + `;
						if (request !== xhr) return observe(url, request);
						return new Promise((resolve) => {
							const request = new XMLHttpRequest();
							request.open("GET", url);
							request.onloadend = () => resolve({ Status: request.status, URL: request.responseURL, Length: request.responseText.length });
							request.send();
						})`
					target.take()
					direct := eval[sight](w.direct, script)
					atDirect := target.take()
					through := eval[sight](w.through, script)
					got := target.take()
					require.Len(t, atDirect, 1)
					assert.Equal(t, direct.withoutLength(), through.withoutLength())
					if !assert.Len(t, got, 1, "the target was reached") {
						return
					}
					want := ""
					if target == listed {
						want = tokens["/v2/whoami"]
					}
					assert.Equal(t, want, got[0].token)
					assert.Equal(t, atDirect[0].body, got[0].body)
					assert.Equal(t, atDirect[0].method, got[0].method)
				})
			}
		}
	}
}

// landing is a server that a redirect leads to, and what arrived there.
type landing struct {
	name, url string
	mu        sync.Mutex
	seen      []visit
}

// visit is one request. The token is there as its hash.
type visit struct{ method, token, body string }

func newLanding(t *testing.T, name string) *landing {
	t.Helper()
	target := &landing{name: name}
	server := httptest.NewServer(admitAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		got := visit{method: r.Method, body: string(body)}
		if authorization := r.Header.Get("Authorization"); authorization != "" {
			got.token = hash(authorization[min(len("Bearer "), len(authorization)):])
		}
		target.mu.Lock()
		target.seen = append(target.seen, got)
		target.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"at": name}); err != nil {
			panic(http.ErrAbortHandler)
		}
	})))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	target.url = "http://" + name + ".example.localhost:" + port + "/target"
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
