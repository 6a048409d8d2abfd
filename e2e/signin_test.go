package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// newVaultedSite is a site with one more client, which the vault signs in.
func newVaultedSite(t testing.TB, change ...func(*demo.Options)) *site {
	t.Helper()
	return newSite(t, append([]func(*demo.Options){func(o *demo.Options) { o.VaultSignIn = true }}, change...)...)
}

// homePage is where sign-ins of these tests begin and end.
const homePage = "/e2e/blank.html"

// login begins a sign-in by a redirect; arg is the rest of login's options.
func login(p *tab, options string) {
	p.t.Helper()
	eval[any](p, `await tokenvault.ready; tokenvault.login({ client: "vaulted", `+options+` })`)
}

// vaultedURL is the URL of the API of the client that the vault signs in.
func (s *site) vaultedURL() string { return s.APIURL + "/v3/whoami" }

// isBack waits for the page that a sign-in ends in.
func isBack(p *tab) {
	p.t.Helper()
	p.until(`location.pathname === ` + js(homePage) + ` && location.hash === "#back" && window.tokenvault !== undefined`)
	eval[any](p, `await tokenvault.ready`)
}

// signInAtVault signs in by a redirect.
func (s *site) signInAtVault() *tab {
	s.t.Helper()
	p := s.open(homePage)
	login(p, `returnTo: "`+homePage+`#back"`)
	s.fillSignIn(p)
	isBack(p)
	return p
}

func TestVaultSignsIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	assert.True(t, eval[bool](p, `return tokenvault.isAuthenticated("vaulted")`))
	assert.Equal(t, map[string]any{"sub": "user-alice", "name": "Alice Liddell"}, eval[map[string]any](p, `return tokenvault.claims("vaulted")`))
	got := eval[reply](p, `return `+asking(s.vaultedURL(), `{}`))
	require.Equal(t, 200, got.Status, "%+v\n%s", got, p.explain())
	s.canary(p)
}
