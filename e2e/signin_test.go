package e2e

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// newVaultedSite is a site with one more client, which the vault signs in.
func newVaultedSite(t testing.TB, change ...func(*demo.Options)) *site {
	t.Helper()
	return newSite(t, append([]func(*demo.Options){func(o *demo.Options) { o.VaultSignIn = true }}, change...)...)
}

// vaultedClient changes the configuration of the client that the vault signs in.
func vaultedClient(change func(*demo.Client)) func(*demo.Options) {
	return configured(func(c *demo.Configuration) { change(&c.Clients[len(c.Clients)-1]) })
}

// vaultedAtServer changes what the authorization server knows of that client.
func vaultedAtServer(change func(*devidp.Client)) func(*demo.Options) {
	return func(o *demo.Options) {
		o.AuthServer = func(server *devidp.Options) { change(&server.Clients[len(server.Clients)-1]) }
	}
}

// homePage is where sign-ins of these tests begin and end.
const homePage = "/e2e/blank.html"

// login begins a sign-in by a redirect; options is the rest of login's options.
func login(p *tab, options string) {
	p.t.Helper()
	eval[any](p, `await tokenvault.ready`)
	leave(p, `window.isOld = true; tokenvault.login({ client: "vaulted", `+options+` })`)
}

// leave runs a script that leaves the page, once the browser has said that it got it:
// for a page that is gone it says nothing.
func leave(p *tab, script string) {
	p.t.Helper()
	eval[any](p, `setTimeout(() => {`+script+`})`)
}

// backHome is the option of login that isBack waits for.
const backHome = `returnTo: "` + homePage + `#back"`

// vaultedURL is the URL of the API of the client that the vault signs in.
func (s *site) vaultedURL() string { return s.APIURL + "/v3/whoami" }

// isBack waits for the page that a sign-in ends in: another document than it began in.
func isBack(p *tab) {
	p.t.Helper()
	p.until(`location.pathname === ` + js(homePage) + ` && location.hash === "#back" && window.isOld === undefined && window.tokenvault !== undefined`)
	eval[any](p, `await tokenvault.ready`)
}

// signInAtVault signs in by a redirect.
func (s *site) signInAtVault() *tab {
	s.t.Helper()
	p := s.open(homePage)
	login(p, backHome)
	s.fillSignIn(p)
	isBack(p)
	return p
}

// fillSignInAs signs in as somebody on the authorization server's form, with the second
// factor where it is asked for.
func fillSignInAs(p *tab, account devidp.Account) {
	p.t.Helper()
	p.until(`document.querySelector("#submit") !== null`)
	eval[any](p, `
		document.querySelector("#username").value = `+js(account.Username)+`;
		document.querySelector("#password").value = `+js(account.Password)+`;
		const factor = document.querySelector("#factor");
		if (factor) factor.value = `+js(devidp.SecondFactor)+`;
		document.querySelector("#submit").click()`)
}

// isAuthenticated asks the vault about the client that it signs in.
func isAuthenticated(p *tab) bool {
	p.t.Helper()
	return eval[bool](p, `await tokenvault.ready; return tokenvault.isAuthenticated("vaulted")`)
}

// subject is who is signed in, "" for nobody.
func subject(p *tab) string {
	p.t.Helper()
	return eval[string](p, `await tokenvault.ready; return (await tokenvault.claims("vaulted"))?.sub ?? ""`)
}

// mustServeVaulted makes a protected request for the client that the vault signs in.
func (s *site) mustServeVaulted(p *tab) {
	s.t.Helper()
	got := eval[reply](p, `await tokenvault.ready; return `+asking(s.vaultedURL(), `{}`))
	require.Equal(s.t, 200, got.Status, "%+v\n%s", got, p.explain())
}

// pageTexts are the texts of the vault's pages, by language and key.
var pageTexts = sync.OnceValue(func() map[string]map[string]string {
	var texts map[string]map[string]string
	content, err := os.ReadFile("../static/texts.json")
	if err == nil {
		err = json.Unmarshal(content, &texts)
	}
	if err != nil {
		panic(err)
	}
	return texts
})

// says waits until a page of the vault shows the message with this key, in English.
func (s *site) says(p *tab, key string) {
	s.t.Helper()
	s.saysIn(p, "en", key)
}

// message is an expression for what a page of the vault says, without the marks that
// isolate what came from elsewhere (Unicode Standard Annex #9).
const message = `(document.querySelector("#message")?.textContent ?? "").replace(/[\u2068\u2069]/g, "")`

// saysIn is says in any language.
func (s *site) saysIn(p *tab, language, key string) {
	s.t.Helper()
	text := pageTexts()[language][key]
	require.NotEmpty(s.t, text, key)
	for part := range strings.SplitSeq(text, "{") {
		_, words, ok := strings.Cut(part, "}")
		if !ok {
			words = part
		}
		p.until(`location.origin === ` + js(s.VaultURL) + ` && ` + message + `.includes(` + js(words) + `)`)
	}
}

// choose clicks on a button of a page of the vault, by the key of its text.
func choose(p *tab, key string) {
	p.t.Helper()
	words, _, _ := strings.Cut(pageTexts()["en"][key], "{")
	eval[any](p, `
		const wanted = [...document.querySelectorAll("#actions button")].find((button) => button.textContent.startsWith(`+js(words)+`));
		if (!wanted) throw new Error("no such button in " + document.querySelector("#actions").innerHTML);
		wanted.click()`)
}

// reload loads a page anew, as the user does, and returns when the old one is gone.
func reload(p *tab) {
	p.t.Helper()
	eval[any](p, `window.isOld = true`)
	call(p, page.Reload, page.ReloadParams{})
	p.until(`window.isOld === undefined`)
}

// buttons are the texts of the buttons of a page of the vault.
func buttons(p *tab) []string {
	p.t.Helper()
	return eval[[]string](p, `return [...document.querySelectorAll("#actions button")].map((button) => button.textContent)`)
}

// authorizations lists the parameters of the authorization requests so far.
func (s *site) authorizations() []url.Values {
	s.t.Helper()
	var all []url.Values
	for _, request := range s.IDP.Requests() {
		if request.Server == devidp.AuthServer && request.Path == "/authorize" {
			query, err := url.ParseQuery(request.Query)
			require.NoError(s.t, err)
			all = append(all, query)
		}
	}
	return all
}

// holdEndpoint keeps requests to an endpoint until the returned function is called.
func (s *site) holdEndpoint(endpoint devidp.Endpoint, times int) (release func()) {
	until := make(chan struct{})
	release = sync.OnceFunc(func() { close(until) })
	s.t.Cleanup(release)
	s.IDP.SetFaults(devidp.Fault{Endpoint: endpoint, Kind: devidp.FaultHold, Until: until, Times: times})
	return release
}

// waitToken waits for a token request that is under way.
func (s *site) waitToken() {
	s.t.Helper()
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Method == "POST" && !r.Done })
}

func TestVaultSignsIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	other := s.open(homePage)
	record(other)
	p := s.signInAtVault()
	other.until(`window.events.join() === "signedin vaulted"`)
	assert.True(t, isAuthenticated(other))
	assert.True(t, isAuthenticated(p))
	assert.Equal(t, map[string]any{"sub": "user-alice", "name": "Alice Liddell"}, eval[map[string]any](p, `return tokenvault.claims("vaulted")`))
	s.mustServeVaulted(p)
	s.mustServeVaulted(other)
	s.canary(p)
	s.canary(other)
}

func TestLoginSendsWhatTheAppMaySay(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, vaultedClient(func(c *demo.Client) { c.LoginParameters = []string{"ui_locales"} }))
	const start = homePage + "?a=1&b=%20x&state=mine#part/two"
	p := s.open(start)
	login(p, `loginHint: "hatter@wonderland.example", acrValues: ["urn:other", `+js(devidp.ACRMultiFactor)+`], maxAge: 0, prompt: "login",
		extra: { ui_locales: "de en" }`)
	p.until(`document.querySelector("#submit") !== null`)
	assert.Equal(t, "hatter@wonderland.example", eval[string](p, `return document.querySelector("#username").value`))
	fillSignInAs(p, devidp.DefaultAccount())
	p.until(`location.href === ` + js(s.AppURL+start) + ` && window.tokenvault !== undefined`)

	requests := s.authorizations()
	require.Len(t, requests, 1)
	query := requests[0]
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		assert.Regexp(t, `^[A-Za-z0-9_-]{43}$`, query.Get(name), name)
		query.Del(name)
	}
	assert.Equal(t, url.Values{
		"response_type": {"code"}, "client_id": {demo.VaultedClientID}, "redirect_uri": {s.VaultURL + "/callback.html"},
		"scope": {demo.Scope}, "code_challenge_method": {"S256"},
		"login_hint": {"hatter@wonderland.example"}, "acr_values": {"urn:other " + devidp.ACRMultiFactor},
		"max_age": {"0"}, "prompt": {"login"}, "ui_locales": {"de en"},
	}, query)
	assert.Equal(t, "user-alice", subject(p))
	s.mustServeVaulted(p)
}

func TestLoginRefusesArguments(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.open(homePage)
	eval[any](p, `await tokenvault.ready`)
	for _, tc := range []struct{ options, message string }{
		{`{ client: "nobody" }`, "vaulted"},
		{`{ client: "main" }`, "vaulted"},
		{`{ client: 5 }`, "vaulted"},
		{`{ mode: "frame" }`, "redirect and popup"},
		{`{ loginHint: 5 }`, "login_hint"},
		{`{ returnTo: {} }`, "return_to"},
		{`{ prompt: ["login"] }`, "prompt"},
		{`{ extra: { ui_locales: 1 } }`, "ui_locales"},
	} {
		got := eval[reply](p, `
			try { await tokenvault.login(`+tc.options+`); return {} }
			catch (error) { return { thrown: error.name, code: error.code, message: error.message } }`)
		assert.Equal(t, "TokenVaultError", got.Thrown, tc.options)
		assert.Equal(t, "invalid_argument", got.Code, tc.options)
		assert.Contains(t, got.Message, tc.message, tc.options)
	}
	leave(p, `tokenvault.login()`) // there is only one client that it can mean
	p.until(`document.querySelector("#submit") !== null`)
}

// What the vault does not allow never reaches the server, and the way back is to the app.
func TestLoginPageRefusesWhatTheConfigurationDoesNotAllow(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, vaultedClient(func(c *demo.Client) { c.ReturnTo = []string{"/e2e/*"} }))
	p := s.open(homePage)
	for _, options := range []string{
		`returnTo: "/"`,
		`returnTo: "/e2e/../demo/"`,
		`returnTo: "/e2e/..%2fdemo/"`,
		`returnTo: "https://evil.example/e2e/"`,
		`returnTo: "//evil.example/e2e/"`,
		`returnTo: "javascript:alert(1)"`,
		`returnTo: ` + js(s.VaultURL+"/e2e/"),
		`extra: { ui_locales: "de" }`,
		`extra: { redirect_uri: "https://evil.example/" }`,
		`extra: { client_id: "demo-app" }`,
		`maxAge: "soon"`,
		`prompt: "none login"`,
	} {
		p.visit(s.AppURL + homePage)
		login(p, options)
		s.says(p, "request")
		assert.Equal(t, []string{"Back to the app"}, buttons(p), options)
	}
	assert.Empty(t, s.authorizations())
	choose(p, "return")
	p.until(`location.href === ` + js(s.AppURL+"/"))
	p.visit(s.AppURL + homePage)
	login(p, backHome) // control: with what is allowed it goes on
	p.until(`document.querySelector("#submit") !== null`)
}

// A stored session is there, and one whose access token has expired renews: no page, no
// frame and no request goes to the authorization endpoint.
func TestSessionIsThereWithoutAskingTheServer(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, func(o *demo.Options) { o.AccessTTL = 3 * time.Second })
	p := s.signInAtVault()
	s.IDP.EndSessions()
	s.IDP.ClearRequests()
	p.visit(s.AppURL + homePage)
	other := s.open(homePage)
	for _, at := range []*tab{p, other} {
		assert.True(t, isAuthenticated(at))
		assert.Equal(t, "user-alice", subject(at))
	}
	assert.Empty(t, s.IDP.Requests(), "the vault knows")

	eval[any](p, `window.expiresAt = (await tokenvault.status("vaulted")).expiresAt`)
	p.until(`Date.now() > window.expiresAt`)
	s.IDP.SetAccessTTL(time.Minute)
	inParallel[reply](t, []*tab{p, other}, `return `+asking(s.vaultedURL(), `{}`))
	s.mustServeVaulted(p)
	s.mustServeVaulted(other)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	paths := map[string]bool{}
	for _, request := range s.IDP.Requests() {
		if request.Method != "OPTIONS" {
			paths[request.Path] = true
		}
	}
	assert.Equal(t, []string{"/token", "/v3/whoami"}, slices.Sorted(maps.Keys(paths)))
	for _, at := range []*tab{p, other} {
		assert.Equal(t, s.AppURL+homePage, eval[string](at, `return location.href`))
		assert.Equal(t, []string{s.VaultURL + "/proxy.html"}, eval[[]string](at, `return [...document.querySelectorAll("iframe, frame, object, embed")].map((frame) => frame.src)`))
	}
	s.canary(other)
}

// A deployment with another client_id under the same name has another client: nothing of
// what is stored goes anywhere. Where it is undone, the session is there again.
func TestSessionIsOfItsClient(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	before := s.signInAtVault()
	require.NoError(t, s.Deploy(t.Context(), func(c *demo.Configuration) {
		c.Clients[len(c.Clients)-1].ClientID = "another"
	}))
	s.IDP.ClearRequests()
	p := s.open(homePage)
	record(p)
	assert.False(t, isAuthenticated(p))
	assert.Empty(t, subject(p))
	for _, operation := range []string{"refresh", "logout", "remove"} {
		eval[any](p, `await tokenvault.`+operation+`("vaulted").catch(() => {})`)
	}
	got := eval[reply](p, `return `+asking(s.vaultedURL(), `{}`))
	assert.Equal(t, "not_signed_in", got.Error)
	assert.Empty(t, s.IDP.Requests())
	assert.Empty(t, eval[[]string](p, `return window.events`))

	s.mustServeVaulted(before)
	require.NoError(t, s.Deploy(t.Context(), nil))
	after := s.open(homePage)
	assert.True(t, isAuthenticated(after))
	s.mustServeVaulted(after)
	s.canary(after)
}
