package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// liveBySubject counts the access and refresh tokens of the client that the vault signs
// in, which the server still accepts.
func (s *site) liveBySubject() map[string]int {
	live := map[string]int{}
	for _, token := range s.IDP.Issued() {
		if token.Active && token.ClientID == demo.VaultedClientID && (token.Kind == devidp.AccessToken || token.Kind == devidp.RefreshToken) {
			live[token.Subject]++
		}
	}
	return live
}

// comeAsHatter signs in as somebody else than before, and waits for the question.
func (s *site) comeAsHatter(p *tab, begin func()) {
	s.t.Helper()
	s.IDP.EndSessions()
	begin()
	fillSignInAs(p, devidp.SecondAccount())
	s.says(p, "account-change")
}

// accounts are what the question shows: name and subject of who is signed in, and of who
// came.
func accounts(p *tab) []string {
	p.t.Helper()
	return eval[[]string](p, `return [...document.querySelectorAll("#message dd")].map((name) => name.textContent.replace(/^\u2068|\u2069$/g, ""))`)
}

func TestAccountChangeIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	other := s.open(homePage)
	record(other)
	again := func() { login(p, backHome) }

	s.comeAsHatter(p, again)
	assert.Equal(t, []string{"Signed in now", "This sign-in"}, eval[[]string](p, `return [...document.querySelectorAll("#message dt")].map((label) => label.textContent)`))
	assert.Equal(t, []string{"alice", "user-alice", "hatter", "user-hatter"}, accounts(p))
	assert.Equal(t, []string{"Keep the account signed in now", "Switch to the account of this sign-in"}, buttons(p))
	assert.Equal(t, "user-alice", subject(other), "nothing has changed yet")
	reload(p)
	s.says(p, "account-change")
	assert.Equal(t, []string{"alice", "user-alice", "hatter", "user-hatter"}, accounts(p))

	choose(p, "keep")
	isBack(p)
	assert.Equal(t, "user-alice", subject(p))
	assert.Equal(t, map[string]int{"user-alice": 2}, s.liveBySubject(), "the tokens that nobody wants are revoked")
	s.mustServeVaulted(p)

	s.comeAsHatter(p, again)
	choose(p, "replace")
	isBack(p)
	assert.Equal(t, "user-hatter", subject(p))
	assert.Equal(t, "user-hatter", subject(other))
	assert.Equal(t, 2, s.liveBySubject()["user-hatter"])
	s.mustServeVaulted(other)
	assert.Equal(t, []string{"signedin vaulted"}, eval[[]string](other, `return window.events`))

	// Who is the same is not asked.
	s.IDP.EndSessions()
	login(p, backHome)
	fillSignInAs(p, devidp.SecondAccount())
	isBack(p)
	assert.Equal(t, "user-hatter", subject(p))
	s.canary(p)
	s.canary(other)
}

// knownByMail has the vault know accounts by their addresses.
func knownByMail(c *demo.Client) { c.Scope = "openid email offline_access" }

// withMail is a site of such accounts, the second with this address.
func withMail(address string) func(*demo.Options) {
	return func(o *demo.Options) {
		vaultedClient(knownByMail)(o)
		o.AuthServer = func(server *devidp.Options) { server.Accounts[1].Email = address }
	}
}

// A name says nothing but whom it names.
func TestAccountNamesAreNoTextOfTheVault(t *testing.T) {
	t.Parallel()
	const begun = "alice.\n\nYour\u2028session was\t\u202eonly \u2067renewed\u200b\u0007 \U000e0041."
	s := newVaultedSite(t, withMail(begun+strings.Repeat("😀", 100)+"."))
	shown := "alice. Your session was only ren" + "…" + strings.Repeat("😀", 30) + "."
	p := s.signInAtVault()
	s.comeAsHatter(p, func() { login(p, backHome) })
	assert.Equal(t, []string{"alice@example.com", "user-alice", shown, "user-hatter"}, accounts(p))
	assert.Equal(t, []string{"Keep the account signed in now", "Switch to the account of this sign-in"}, buttons(p))
}

// Accounts of one name are told apart.
func TestAccountsOfTheSameNameAreToldApart(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, withMail("alice@example.com\u200b"))
	p := s.signInAtVault()
	s.comeAsHatter(p, func() { login(p, backHome) })
	assert.Equal(t, []string{"alice@example.com", "user-alice", "alice@example.com", "user-hatter"}, accounts(p))
}

// The question is over when who it was about has signed out: neither a page that is
// loaded anew, as a script of the app can bring about, nor a late click signs in.
func TestAccountChangeAfterTheSessionHasEnded(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	other := s.open(homePage)
	s.comeAsHatter(p, func() { login(p, backHome) })
	eval[any](other, `await tokenvault.ready; await tokenvault.logout("vaulted")`)
	reload(p)
	s.says(p, "stale")
	assert.False(t, isAuthenticated(other))
	assert.Empty(t, s.live(), "what waited for a word is revoked")
	choose(p, "retry")
	isBack(p)
	assert.Equal(t, "user-hatter", subject(p), "who is signed in at the server")
	s.mustServeVaulted(p)
}

func TestAccountChangeInAPopup(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	s.signInAtVault().stop()
	p := s.openWithPopups(``)
	const kept = "sign_in_failed The sign-in did not succeed. The user kept the account that was signed in."

	var window *tab
	open := func() { window = s.openPopup(p); window.until(`document.querySelector("#submit") !== null`) }
	for i, end := range []func(){
		func() { eval[any](window, `setTimeout(() => document.querySelector("#actions button").click())`) },
		func() { call(window, page.Close, cdp.Empty{}) },
	} {
		s.IDP.EndSessions()
		open()
		fillSignInAs(window, devidp.SecondAccount())
		s.says(window, "account-change")
		require.Len(t, eval[[]string](p, `return outcomes`), i)
		end()
		s.isClosed(window)
		p.until(`outcomes.length === ` + js(i+1))
		assert.Equal(t, kept, eval[[]string](p, `return outcomes`)[i])
		assert.Equal(t, "user-alice", subject(p))
	}

	s.IDP.EndSessions()
	open()
	fillSignInAs(window, devidp.SecondAccount())
	s.says(window, "account-change")
	eval[any](window, `setTimeout(() => document.querySelectorAll("#actions button")[1].click())`)
	s.isClosed(window)
	p.until(`outcomes[2] === "ok"`)
	assert.Equal(t, "user-hatter", subject(p))
	s.mustServeVaulted(p)
	s.canary(p)
}
