package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// newBound is a site whose first client has DPoP, and a page that is signed in.
func newBound(t *testing.T, change ...func(*demo.Configuration)) (*site, *tab) {
	t.Helper()
	s := newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			main := &c.Clients[0]
			main.DPoP = true
			api := strings.TrimSuffix(main.Resources[0].URL, "/v1/*")
			main.Resources[0].Methods = []string{"GET", "POST"}
			main.Resources = append(main.Resources, demo.Resource{URL: api + "/public/*", Methods: []string{"GET", "POST"}})
			for _, f := range change {
				f(c)
			}
		}
	})
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	return s, p
}

// TestProofsAreAccepted has every request of a client with DPoP pass a server that
// checks proofs: the sign-in, requests with and without a body, a refresh, user info.
func TestProofsAreAccepted(t *testing.T) {
	t.Parallel()
	s, p := newBound(t)
	for range 2 {
		s.mustServe(p)
		assert.Equal(t, http.StatusOK, eval[int](p, `return (await fetch(`+js(s.APIURL+"/v1/upload")+`, { method: "POST", body: "kept" })).status`))
		assert.Equal(t, http.StatusOK, eval[int](p, `return (await fetch(`+js(s.AuthURL+"/userinfo")+`)).status`))
		eval[any](p, `await tokenvault.refresh("main")`)
	}
	for _, call := range s.calls() {
		assert.True(t, strings.HasPrefix(call.Header.Get("Authorization"), "DPoP "), "%s", call.Path)
	}
}

// TestServersMayWantNonces has both servers ask for a nonce, and rotate it.
func TestServersMayWantNonces(t *testing.T) {
	t.Parallel()
	s, p := newBound(t)
	for _, nonce := range []string{"first", "second"} {
		s.IDP.SetDPoPNonce(devidp.AuthServer, nonce+"-auth")
		s.IDP.SetDPoPNonce(devidp.APIServer, nonce+"-api")
		s.mustServe(p)
		eval[any](p, `await tokenvault.refresh("main")`)
		assert.Equal(t, http.StatusOK, eval[int](p, `return (await fetch(`+js(s.APIURL+"/v1/upload")+`, { method: "POST", body: "kept" })).status`))
		s.mustServe(p)
	}
}

// TestNoRedirectTakesAProofAlong has an API redirect a request with a proof to another
// origin: nothing arrives there, and the app is told why.
func TestNoRedirectTakesAProofAlong(t *testing.T) {
	t.Parallel()
	landing := newLanding(t, "listed")
	s, p := newBound(t, func(c *demo.Configuration) {
		c.RedirectOrigins = append(c.RedirectOrigins, landing.origin)
	})
	to := s.APIURL + "/public/redirect?to=" + landing.origin + "/target"
	refused := eval[struct {
		Status int
		Error  string
	}](p, `const r = await fetch(`+js(to)+`); return { Status: r.status, Error: (await r.json()).error }`)
	assert.Equal(t, http.StatusBadGateway, refused.Status)
	assert.Equal(t, "redirect_refused", refused.Error)
	assert.Equal(t, "opaqueredirect", eval[string](p, `return (await fetch(`+js(to)+`, { redirect: "manual" })).type`))
	assert.Equal(t, "TypeError", eval[string](p, `try { await fetch(`+js(to)+`, { redirect: "error" }); return "" } catch (e) { return e.name }`))
	require.Empty(t, landing.take())
}

// TestARouteGetsTheTokenOfItsResource has two parts of an API take tokens of their own,
// bound to the key of the vault that the sign-in announced.
func TestARouteGetsTheTokenOfItsResource(t *testing.T) {
	t.Parallel()
	const uri = "https://books.example.com/"
	s := newVaultedSite(t, func(o *demo.Options) {
		o.AuthServer = func(options *devidp.Options) {
			options.Resources = append(options.Resources, devidp.Resource{Path: "/books/", URI: uri})
		}
		o.Configure = func(c *demo.Configuration) {
			// Below /v2/ and /v3/ the demonstration's API sees another path than proofs are for.
			vaulted := &c.Clients[2]
			vaulted.DPoP = true
			api := strings.TrimSuffix(vaulted.Resources[0].URL, "/v3/*")
			c.Clients[0].Resources[0].URL = api + "/v4/*"
			vaulted.Resources = []demo.Resource{
				{URL: api + "/v1/*", Resource: api}, // of a grant for several resources each token names its own
				{URL: api + "/books/*", Resource: uri},
			}
		}
	})
	p := s.signInAtVault()
	tokens := map[string]bool{}
	for range 2 {
		for _, path := range []string{"/v1/whoami", "/books/whoami"} {
			got := eval[reply](p, `return `+asking(s.APIURL+path, `{}`))
			require.Equal(t, 200, got.Status, "%s: %+v", path, got)
			tokens[got.Token] = true
		}
	}
	assert.Len(t, tokens, 2)
	s.canary(p)
}
