package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/protocol"
)

// newCertifiedVault is a site whose main client the vault signs in at the certified
// server. The configuration names the issuer alone.
func newCertifiedVault(t testing.TB, change ...func(*certifiedOptions, *demo.Configuration)) *site {
	t.Helper()
	return newCertifiedSite(t, append([]func(*certifiedOptions, *demo.Configuration){func(o *certifiedOptions, c *demo.Configuration) {
		o.Clients[0].RedirectURIs = []string{c.Vault.Origin + "/" + protocol.CallbackPage}
		o.Clients[0].PostLogoutRedirectURIs = []string{c.Vault.Origin + "/" + protocol.SignedOutPage}
		c.Clients[0].SignIn, c.Clients[0].Claims = "vault", []string{"sub", "acr"}
	}}, change...)...)
}

// lastMark is the number of the last sign-in: each ends in another place.
var lastMark atomic.Int32

// loginAtCertified begins a sign-in by a redirect; options are the rest of login's. The
// page that it ends in has the returned mark as its fragment.
func loginAtCertified(p *tab, options string) (mark string) {
	p.t.Helper()
	mark = fmt.Sprint("#back-", lastMark.Add(1))
	eval[any](p, `await tokenvault.ready`)
	leave(p, `tokenvault.login({ returnTo: `+js(homePage+mark)+`, `+options+` })`)
	return mark
}

// isBackAt waits for the page that a sign-in or sign-out ends in.
func isBackAt(p *tab, mark string) {
	p.t.Helper()
	p.until(`location.hash === ` + js(mark) + ` && window.tokenvault !== undefined`)
	require.Equal(p.t, homePage, eval[string](p, `await tokenvault.ready; return location.pathname`))
}

// signInAgainAtCertified signs an account in, in a page of the app.
func (s *site) signInAgainAtCertified(p *tab, account, options string) {
	s.t.Helper()
	mark := loginAtCertified(p, options)
	s.certified.fillSignIn(p, account)
	isBackAt(p, mark)
}

// signInVaultAtCertified signs in from a new page.
func (s *site) signInVaultAtCertified(options string) *tab {
	s.t.Helper()
	p := s.open(homePage)
	s.signInAgainAtCertified(p, "demo", options)
	return p
}

// last returns the newest request to a path of the server, and how many there were.
func (c *certified) last(method, path string) (last certifiedRequest, count int) {
	c.t.Helper()
	for _, request := range c.requests() {
		if request.Method == method && request.Path == path {
			last = request
			count++
		}
	}
	return last, count
}

// view is the text of a page of the vault, once that is in the tab.
func (s *site) view(p *tab, text string) {
	s.t.Helper()
	p.until(`location.origin === ` + js(s.VaultURL) + ` && ` + message + `.includes(` + js(text) + `)`)
}

// secretParameters are those of requests to the server that the app may not know where
// the vault signs in.
var secretParameters = []string{"state", "nonce", "code_verifier", "code_challenge", "request_uri", "id_token_hint"}

// addNeedles adds what the server has handed out, and where the vault signs in all that
// a sign-in rests on.
func (c *certified) addNeedles(found map[string]string, vault string) {
	c.t.Helper()
	owned := strings.HasPrefix(c.Clients[0].RedirectURIs[0], vault)
	for _, token := range c.issued() {
		if token.Kind == "access" || token.Kind == "refresh" || owned {
			addNeedles(found, "certified "+token.Kind+" token", token.Value)
		}
	}
	for _, request := range c.requests() {
		for _, name := range secretParameters {
			if value, ok := request.Params[name].(string); ok && owned {
				addNeedles(found, "certified "+name, value)
			}
		}
	}
}

// askCertifiedAs makes a protected request, which has to be that of an account.
func (s *site) askCertifiedAs(p *tab, account string) {
	s.t.Helper()
	got := eval[map[string]any](p, `return (await fetch(`+js(s.certified.whoami())+`)).json()`)
	assert.Equal(s.t, account, got["sub"], "%v", got)
}
