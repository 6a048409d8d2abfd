package e2e

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
	"tokenvault/internal/protocol"
)

// endSessions lists the requests to the end-session endpoint.
func (s *site) endSessions() (all []url.Values) {
	s.t.Helper()
	for _, request := range s.IDP.Requests() {
		if request.Server == devidp.AuthServer && request.Path == "/logout" {
			query, err := url.ParseQuery(request.Query)
			require.NoError(s.t, err)
			all = append(all, query)
		}
	}
	return all
}

// mustBeSignedOut checks that nothing is left, here and at the server.
func (s *site) mustBeSignedOut(p *tab) {
	s.t.Helper()
	assert.False(s.t, isAuthenticated(p))
	assert.Empty(s.t, subject(p))
	assert.Empty(s.t, s.live())
	got := eval[reply](p, `return `+asking(s.vaultedURL(), `{}`))
	assert.Equal(s.t, "not_signed_in", got.Error)
}

func TestVaultLogsOutHere(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	other := s.open(homePage)
	for _, at := range []*tab{p, other} {
		record(at)
		require.True(t, isAuthenticated(at), "its vault runs, and listens")
	}
	require.Len(t, s.live(), 2)
	eval[any](p, `window.isSame = true; await tokenvault.logout("vaulted")`)
	assert.True(t, eval[bool](p, `return window.isSame`))
	s.mustBeSignedOut(p)
	for _, at := range []*tab{p, other} {
		at.until(`window.events.join() === "signedout vaulted"`)
	}
	s.mustBeSignedOut(other)
	assert.Empty(t, s.endSessions())

	signIns := s.IDP.Stats().SignIns
	login(p, backHome) // the server knows the user: no form
	isBack(p)
	assert.Equal(t, signIns, s.IDP.Stats().SignIns)
	s.mustServeVaulted(p)
	s.canary(p)
}

func TestVaultLogsOutEverywhere(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	other := s.open(homePage)
	record(other)
	require.True(t, isAuthenticated(other), "its vault runs, and listens")
	id := s.token(devidp.IDToken)
	eval[any](p, `tokenvault.logout({ client: "vaulted", everywhere: true, returnTo: "`+homePage+`?out=1#bye" })`)
	p.until(`location.href === ` + js(s.AppURL+homePage+"?out=1#bye") + ` && window.tokenvault !== undefined`)
	other.until(`window.events.join() === "signedout vaulted"`)
	s.mustBeSignedOut(p)
	s.mustBeSignedOut(other)

	asked := s.endSessions()
	require.Len(t, asked, 1)
	state := asked[0].Get("state")
	assert.Len(t, state, 43)
	assert.Equal(t, url.Values{
		"id_token_hint": {id}, "client_id": {demo.VaultedClientID},
		"post_logout_redirect_uri": {s.VaultURL + "/signed-out.html"}, "state": {state},
	}, asked[0])
	assert.Equal(t, 1, s.IDP.Stats().SignOuts)

	// The session at some servers hangs on the refresh token, which goes last.
	var order []string
	for _, request := range s.IDP.Requests() {
		if request.Path == "/revoke" && request.Method == "POST" || request.Path == "/logout" {
			order = append(order, request.Path)
		}
	}
	assert.Equal(t, []string{"/revoke", "/logout", "/revoke"}, order)

	// The URLs of it are good once; the second time they end in a page of the vault.
	for _, path := range []string{"/signed-out.html?state=" + state, "/signed-out.html", "/logout.html#ticket=x&return_to=" + url.QueryEscape(homePage)} {
		p.visit(s.VaultURL + path)
		s.says(p, "signed-out")
		assert.Equal(t, "You are signed out", p.text("h1"))
	}
	assert.Len(t, s.endSessions(), 1)
	choose(p, "return")
	p.until(`location.origin === ` + js(s.AppURL))
	p.visit(s.AppURL + homePage)
	login(p, backHome)
	s.fillSignIn(p) // there is a form: nobody is known
	isBack(p)
	assert.Equal(t, 2, s.IDP.Stats().SignIns)

	// To a place that is not the app's the user is not led.
	eval[any](p, `tokenvault.logout({ client: "vaulted", everywhere: true, returnTo: "https://evil.example/" })`)
	p.until(`location.href === ` + js(s.AppURL+"/"))
	assert.Equal(t, 2, s.IDP.Stats().SignOuts)
	s.canaryAfterSignOut(p)
}

func TestVaultLogsOutWithoutAnEndSessionEndpoint(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, vaultedClient(func(c *demo.Client) { c.Endpoints.EndSession = "" }))
	p := s.signInAtVault()
	eval[any](p, `window.isSame = true; await tokenvault.logout({ client: "vaulted", everywhere: true })`)
	assert.True(t, eval[bool](p, `return window.isSame`), "there is nowhere to go")
	s.mustBeSignedOut(p)
}

// The revocation fails, and the navigation to the server, too: here the session is over.
// A user who comes back without state, as some servers send them, is led to where they
// wanted to go, and the refresh token has its end.
func TestVaultLogsOutWhenTheServerFails(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	s.IDP.SetFaults(
		devidp.Fault{Endpoint: devidp.EndpointRevocation, Kind: devidp.FaultStatus, Status: 500},
		devidp.Fault{Endpoint: devidp.EndpointEndSession, Kind: devidp.FaultStatus, Status: 500},
	)
	eval[any](p, `tokenvault.logout({ client: "vaulted", everywhere: true, returnTo: "`+homePage+`#back" })`)
	p.until(`location.pathname === "/logout"`)
	s.IDP.SetFaults()
	p.visit(s.VaultURL + "/signed-out.html")
	isBack(p)
	assert.NotContains(t, s.live(), s.token(devidp.RefreshToken))
	assert.False(t, isAuthenticated(p))
	assert.Equal(t, "not_signed_in", eval[reply](p, `return `+asking(s.vaultedURL(), `{}`)).Error)
}

// frameFarewells has the server frame the vault's page, as it does at a sign-out: for
// somebody else's session, and without a word on whose. check is called after each.
func (s *site) frameFarewells(at *tab, issuer string, check func(query string)) {
	s.t.Helper()
	call(at, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
	defer call(at, page.SetBypassCSP, page.SetBypassCSPParams{})
	at.visit(issuer + "/none")
	frames := func() []*target.Info { return s.targets("iframe", s.VaultURL+"/"+protocol.FrontChannelPage) }
	named := "iss=" + url.QueryEscape(issuer)
	for _, query := range []string{"", "?sid=x", "?" + named, "?" + named + "&sid=x"} {
		eval[any](at, `
			const frame = document.createElement("iframe");
			frame.src = `+js(s.VaultURL+"/"+protocol.FrontChannelPage+query)+`;
			document.body.append(frame)`)
		require.Eventually(s.t, func() bool { return len(frames()) == 1 }, patience, 20*time.Millisecond)
		s.attach(at, frames()[0], chromedp.WithDetachOnCancel()).until(`document.title === "You are signed out"`)
		check(query)
		eval[any](at, `document.querySelector("iframe").remove()`)
		require.Eventually(s.t, func() bool { return len(frames()) == 0 }, patience, 20*time.Millisecond)
	}
}

// The server frames the vault's page when its session ends: it forgets the session that
// is named, and no other.
func TestServerLogsOutByTheFrontChannel(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	record(p)
	at := s.open(homePage)
	s.frameFarewells(at, s.AuthURL, func(query string) { assert.True(t, isAuthenticated(p), query) })

	at.visit(s.AuthURL + "/logout")
	at.until(`document.querySelector("#submit") !== null`)
	assert.True(t, isAuthenticated(p))
	eval[any](at, `document.querySelector("#submit").click()`)
	p.until(`window.events.join() === "signedout vaulted"`)
	s.mustBeSignedOut(p)
	s.canary(p)
}
