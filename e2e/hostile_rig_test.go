package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// Hosts of the attacker, other than the app and its domain.
const (
	evilHost     = "evil.localhost"
	siblingHost  = "sibling.example.localhost" // of the app's own site
	carelessHost = "careless.example.localhost"
	storageHost  = "storage.localhost"
)

// witness is a server that lets everybody read its answers, keeps what it was
// sent, and answers for every host name. It plays the attacker's server, and an
// API that does everything wrong which an API can do.
type witness struct {
	t    testing.TB
	port string

	mu   sync.Mutex
	seen []witnessed
}

// witnessed is a request as the witness got it.
type witnessed struct {
	Method, Host, URI string
	Header            http.Header
	Body              string
}

// String is all of the request, for a search.
func (w witnessed) String() string { return fmt.Sprint(w.Method, w.Host, w.URI, w.Header, w.Body) }

func newWitness(t testing.TB) *witness {
	t.Helper()
	w := &witness{t: t}
	server := httptest.NewUnstartedServer(w)
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	w.port = port
	return w
}

// at is the witness's origin under a host name.
func (w *witness) at(host string) string { return "http://" + host + ":" + w.port }

// requests returns what was sent, preflights left out.
func (w *witness) requests() []witnessed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	w.mu.Lock()
	w.seen = append(w.seen, witnessed{r.Method, r.Host, r.URL.RequestURI(), r.Header.Clone(), string(body)})
	w.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/e2e/") {
		http.StripPrefix("/e2e/", http.FileServer(http.Dir("pages"))).ServeHTTP(rw, r)
		return
	}
	w.careless(rw, r)
}

// careless answers as no API should: with the caller's token, in every way that
// "as" names.
func (w *witness) careless(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	say := func(text string) {
		if _, err := io.WriteString(rw, text); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	}
	reply := func(status int, contentType, body string) {
		h.Set("Content-Type", contentType)
		rw.WriteHeader(status)
		say(body)
	}
	switch r.URL.Query().Get("as") {
	case "error":
		reply(500, "text/html", "<h1>Exception</h1><pre>Authorization: Bearer "+token+"</pre>")
	case "headers":
		h.Set("Access-Control-Expose-Headers", "Location, Refresh, X-Set-Cookie, Link, X-"+token)
		h.Set("Location", "https://app.example/cb#access_token="+token)
		h.Set("Refresh", "0; url=/?t="+strings.ReplaceAll(token, ".", "%2E"))
		h.Set("X-Set-Cookie", "session="+token+"; Secure")
		h.Set("X-"+token, "the name is the token")
		reply(200, "application/json", "{}")
	case "sse":
		h.Set("Content-Type", "text/event-stream")
		for i := 0; i <= len(token); i += max(1, len(token)/12) {
			say("data: " + token[:i])
			if err := http.NewResponseController(rw).Flush(); err != nil {
				panic(http.ErrAbortHandler) // the client is gone
			}
			say(token[i:] + "\n\n")
		}
	case "redirect": // to a URL with the token in it
		h.Set("Location", "?as=plain&token="+token)
		rw.WriteHeader(http.StatusFound)
	case "moved": // for good, to a URL with the token in it, and to an answer that says no-store
		h.Set("Location", "?as=unstored&token="+token)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Del("Access-Control-Allow-Credentials")
		rw.WriteHeader(http.StatusMovedPermanently)
	case "unstored":
		h.Set("Cache-Control", "no-store")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Del("Access-Control-Allow-Credentials")
		reply(200, "text/plain", "ok")
	case "cached": // in a way that any cache may keep
		h.Set("Cache-Control", "public, max-age=3600")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Del("Access-Control-Allow-Credentials")
		reply(200, "text/plain", "token="+token)
	case "range": // in parts, of the length that is asked for
		h.Set("Content-Type", "text/plain")
		http.ServeContent(rw, r, "", time.Time{}, strings.NewReader("token="+token))
	default:
		reply(200, "text/plain", "ok")
	}
}

// withResource makes the witness, under a host name, a resource of the main
// client: everything below /api/ gets a token.
func (w *witness) withResource(host string) func(*demo.Options) {
	return func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: w.at(host) + "/api/*"})
		}
	}
}

// newHostileSite is a site whose hostile page can sign in.
func newHostileSite(t testing.TB, change ...func(*demo.Options)) *site {
	t.Helper()
	return newSite(t, append([]func(*demo.Options){func(o *demo.Options) {
		o.RedirectPaths = append(o.RedirectPaths, hostilePage, "/e2e/plain.html")
	}}, change...)...)
}

const hostilePage = "/e2e/hostile.html"

// signInHostile signs in on the page with the hostile script: by hand, since there is
// nothing that the script could not do.
func (s *site) signInHostile() *tab {
	s.t.Helper()
	p := s.open(hostilePage)
	s.signInOn(p)
	return p
}

// signInOn signs in on a hostile page that is open.
func (s *site) signInOn(p *tab) {
	s.t.Helper()
	// The page leaves after it has answered.
	eval[any](p, `
		await tokenvault.ready;
		const { url, verifier } = await beginSignIn();
		sessionStorage.verifier = verifier;
		setTimeout(() => { location = url; });`)
	s.fillSignIn(p)
	p.until(`location.search.includes('code=') && window.tokenvault !== undefined`)
	reply := eval[string](p, `
		await tokenvault.ready;
		const code = new URLSearchParams(location.search).get('code');
		history.replaceState(null, '', location.pathname);
		return (await redeem(code, sessionStorage.verifier)).text();`)
	require.Contains(s.t, reply, `"access_token":"REDACTED"`, "signed in through the vault")
	s.noToken(reply, "the answer to the sign-in")
}

// found names the tokens that are in a text.
func (s *site) found(text string) []string {
	var names []string
	for needle, name := range s.needles() {
		if strings.Contains(text, needle) {
			names = append(names, name)
		}
	}
	return names
}

// foundInAnyCase is found for a text that may have lost the case of its letters.
func (s *site) foundInAnyCase(text string) []string {
	var names []string
	for needle, name := range s.needles() {
		if strings.Contains(strings.ToLower(text), strings.ToLower(needle)) {
			names = append(names, name)
		}
	}
	return names
}

// noToken fails the test if a token is in what an attack brought back.
func (s *site) noToken(text, where string) {
	s.t.Helper()
	for _, name := range s.found(text) {
		s.t.Errorf("%s in %s", name, where)
	}
}

// tokensWentOnlyTo fails the test if a token was seen by anybody but the paths of
// the API that the configuration lists, and returns how many requests to those
// had one: the proof that they were counted at all.
func (s *site) tokensWentOnlyTo(witnesses ...*witness) int {
	s.t.Helper()
	carried := 0
	for _, r := range s.IDP.Requests() {
		if len(s.found(fmt.Sprint(r.Header, r.Path, r.Query))) == 0 {
			continue
		}
		carried++
		api := r.Server == devidp.APIServer && "http://"+r.Host == s.APIURL &&
			(strings.HasPrefix(r.Path, "/v1/") || strings.HasPrefix(r.Path, "/v2/"))
		userInfo := r.Server == devidp.AuthServer && strings.HasSuffix(r.Path, "/userinfo")
		assert.True(s.t, api || userInfo, "a token went to %s %s%s?%s", r.Method, r.Host, r.Path, r.Query)
	}
	for _, w := range witnesses {
		for _, r := range w.requests() {
			assert.Empty(s.t, s.found(r.String()), "a token went to %s %s%s", r.Method, r.Host, r.URI)
		}
	}
	return carried
}

// integrityOf is a body's integrity metadata (Subresource Integrity §3.1).
func integrityOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
