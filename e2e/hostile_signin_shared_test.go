package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

const sharedHost = "shared.example.localhost"

// sharedServer is an API and the authorization endpoint of a server at one origin. It
// admits the vault on all of it, as one setting for the whole application does, and is
// lenient in how paths are written.
type sharedServer struct {
	*httptest.Server
	authorization string       // where people sign in
	code          string       // what it gives in a page, to a browser that has been there
	asked         atomic.Int32 // how often, for such a page at the authorization endpoint
}

func newSharedServer(t testing.TB) *sharedServer {
	t.Helper()
	shared := &sharedServer{code: "code-in-a-page-0123456789"}
	shared.Server = httptest.NewServer(shared)
	t.Cleanup(shared.Close)
	_, port, err := net.SplitHostPort(shared.Listener.Addr().String())
	require.NoError(t, err)
	shared.URL = "http://" + net.JoinHostPort(sharedHost, port)
	return shared
}

// configure makes the shared origin that of the authorization endpoint, and all of it
// a resource.
func (shared *sharedServer) configure(c *demo.Client) {
	shared.authorization = c.Endpoints.Authorization
	c.Endpoints.Authorization = shared.URL + "/oauth/authorize"
	c.Resources = append(c.Resources, demo.Resource{URL: shared.URL + "/*", Methods: []string{"GET", "POST"}})
}

func (shared *sharedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if origin := r.Header.Get("Origin"); strings.HasPrefix(origin, "http://vault.") {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", "authorization")
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	query := r.URL.Query()
	at := strings.TrimSuffix(strings.ToLower(path.Clean(r.URL.Path)), ".json")
	switch {
	case at == "/api/redirect":
		http.Redirect(w, r, query.Get("to"), http.StatusTemporaryRedirect)
	case at == "/oauth/authorize" && query.Get("response_mode") != "form_post":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "here", HttpOnly: true})
		http.Redirect(w, r, shared.authorization+"?"+r.URL.RawQuery, http.StatusFound)
	case at == "/oauth/authorize", at == "/oauth/confirm":
		if at == "/oauth/authorize" {
			shared.asked.Add(1)
		}
		if _, err := r.Cookie("session"); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<form method="post"><input name="code" value="`+shared.code+`"></form>`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestHostileSignInAuthorizationUnderAResource has API and authorization server share
// an origin, all of which is a resource, and a server that answers an authorization
// request in a page (response_mode=form_post). A script asks for such a page, for a
// user who has a session there, by a fetch and by a message to the frame; and has the
// API redirect there. It gets none: the vault asks for nothing there, and keeps what a
// redirect brought. The control is the same page at a path that is no endpoint: the
// script reads the code in it.
func TestHostileSignInAuthorizationUnderAResource(t *testing.T) {
	t.Parallel()
	shared := newSharedServer(t)
	s := newHostileVaultedSite(t, vaultedClient(shared.configure))
	p := s.signInHostileAtVault()
	query := "?" + url.Values{
		"response_type": {"code"}, "response_mode": {"form_post"}, "prompt": {"none"}, "client_id": {demo.VaultedClientID},
		"redirect_uri": {s.callbackURL()}, "code_challenge": {"of-the-attacker"}, "code_challenge_method": {"S256"},
	}.Encode()
	by := map[string]string{
		"a fetch":   `fetch(url, { method, credentials: 'include' }).then(readOut)`,
		"a message": `new Line().ready.then((line) => line.ask({ url, method, credentials: 'include' }))`,
	}
	read := func(way, method, to string) string {
		return eval[string](p, `
			const url = `+js(to)+`, method = `+js(method)+`;
			return `+by[way]+`.then(textOf, String);`)
	}
	redirecting := func(to string) string { return shared.URL + "/api/redirect?to=" + url.QueryEscape(shared.URL+to) }
	for way := range by {
		for _, method := range []string{"GET", "POST"} {
			for _, to := range []string{"/oauth/confirm" + query, "/oauth/confirm.json" + query} {
				assert.Contains(t, read(way, method, shared.URL+to), shared.code, "control: %s %s by %s", method, to, way)
				assert.Contains(t, read(way, method, redirecting(to)), shared.code, "control: a redirect to %s %s by %s", method, to, way)
			}
			for _, endpoint := range []string{
				"/oauth/authorize", "/oauth/Authorize", "/oauth/authorize/", "/oauth//authorize", "/oauth/%61uthorize", "/oauth/authorize.json",
			} {
				asked := shared.asked.Load()
				got := read(way, method, shared.URL+endpoint+query)
				assert.NotContains(t, got, shared.code, "%s %s by %s", method, endpoint, way)
				if way == "a message" || endpoint != "/oauth/authorize" {
					assert.Equal(t, asked, shared.asked.Load(), "the vault asks for nothing at %s %s", method, endpoint)
				}

				asked = shared.asked.Load()
				got = read(way, method, redirecting(endpoint+query))
				assert.NotContains(t, got, shared.code, "a redirect to %s %s by %s", method, endpoint, way)
				assert.Equal(t, asked+1, shared.asked.Load(), "control: the redirect to %s %s was followed", method, endpoint)
			}
		}
	}
	assert.True(t, hasVaulted(p))
}
