package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"tokenvault/internal/demo"
)

// TestHostileSignInOpenRedirect asks for sign-ins and sign-outs that would end where the
// app has not said that they may: elsewhere, or in a part of the app that is not named.
// The vault begins none of them. The controls are places that are named.
func TestHostileSignInOpenRedirect(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t, vaultedClient(func(c *demo.Client) { c.ReturnTo = []string{homePage, "/e2e/deep/*"} }))
	p := s.open(homePage)
	login(p, `returnTo: "`+homePage+`#back"`)
	s.atAuthorize(p)
	s.fillSignIn(p)
	returned(p)
	eval[any](p, `await tokenvault.remove("vaulted")`)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.AppURL, "http://"), ":")
	host := strings.TrimPrefix(s.AppURL, "http://")

	s.IDP.ClearRequests()
	n := 0
	visit := func(fragment string) {
		n++ // a page is not loaded anew for another fragment
		p.visit(fmt.Sprint(s.VaultURL, "/login.html?", n, "#", fragment))
	}
	for _, returnTo := range []string{
		"https://evil.example/", "http://evil.localhost:" + port + homePage, "//evil.localhost" + homePage, `/\evil.localhost` + homePage,
		"javascript:alert(1)", "blob:" + s.AppURL + "/x",
		s.AppURL + ".evil.localhost" + homePage, "http://user:password@" + host + homePage, "http://" + host + "@evil.localhost" + homePage,
		"http://app.example.localhost:1" + homePage, s.VaultURL + homePage,
		"/e2e/plain.html", "/e2e/deeper/x", "/e2e/deep/../plain.html", "/e2e/deep/%2e%2e/plain.html", "/e2e/deep/..%2fplain.html",
		"/e2e/deep//evil.localhost", `/e2e/deep/\evil`, "/E2E/BLANK.HTML",
		"ht\ntps://evil.example/", "/\t/evil.localhost/", homePage + "\n",
	} {
		visit(url.Values{"client": {"vaulted"}, "return_to": {returnTo}}.Encode())
		vaultShows(p, "request")
		assert.Equal(t, []string{"Back to the app"}, eval[[]string](p, `return [...document.querySelectorAll('#actions button')].map((each) => each.textContent)`))
		assert.Zero(t, s.requestsTo("/authorize"), "return_to=%q", returnTo)
	}
	place := url.QueryEscape(homePage)
	for _, fragment := range []string{
		"client=vaulted", "return_to=" + place, "client=main&return_to=" + place, "client=nobody&return_to=" + place,
		"client=vaulted&return_to=" + place + "&return_to=https%3A%2F%2Fevil.example%2F",
		"client=vaulted&return_to=" + place + "&return%5Fto=https%3A%2F%2Fevil.example%2F",
		"client=vaulted&Return_to=" + place,
	} {
		visit(fragment)
		vaultShows(p, "request")
		assert.Zero(t, s.requestsTo("/authorize"), fragment)
	}
	inGesture(p, `document.querySelector('#actions button').click()`)
	seen(p, `location.href === `+js(s.AppURL+"/"))

	for _, returnTo := range []string{homePage + "?x=//evil.localhost#back", "/e2e/deep/a/../page.html#back", s.AppURL + homePage + "#back"} {
		visit(url.Values{"client": {"vaulted"}, "return_to": {returnTo}}.Encode())
		seen(p, `location.origin === `+js(s.AppURL)+` && location.hash === "#back"`)
	}
	assert.Equal(t, 3, s.requestsTo("/authorize"), "control: places that are named")

	// A sign-out ends in the app whatever it is asked.
	p.visit(s.AppURL + homePage)
	eval[any](p, `await tokenvault.ready; tokenvault.logout({ client: "vaulted", everywhere: true, returnTo: "//evil.localhost/" })`)
	seen(p, `location.href === `+js(s.AppURL+"/"))
	assert.Equal(t, 1, s.requestsTo("/logout"), "control: the sign-out went by way of the server")
}

// TestHostileSignInParameters has the app choose what the vault chooses: each parameter
// of an authorization request that decides who gets a code, for what, and where. The
// vault begins no such sign-in. The controls are the parameters that login() has and
// that the configuration names.
func TestHostileSignInParameters(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t, vaultedClient(func(c *demo.Client) { c.LoginParameters = []string{"ui_locales"} }))
	p := s.open(homePage)
	place := "client=vaulted&return_to=" + url.QueryEscape(homePage)
	p.visit(s.VaultURL + "/login.html#" + place + "&redirect_uri=x")
	vaultShows(p, "request")
	for _, parameter := range []string{
		"redirect_uri=" + url.QueryEscape(s.AppURL+homePage), "response_mode=fragment", "response_type=token", "state=x", "nonce=x",
		"code_challenge=x", "code_challenge_method=plain", "client_id=demo-app", "scope=openid", "request=x", "request_uri=x", "claims=x",
		"resource=x", "dpop_jkt=x", "id_token_hint=x", "authorization_details=x", "registration=x", "iss=x", "code=x",
		"Redirect_URI=x", "redirect.uri=x", "redirect_uri%00=x", "=x", "acr=x", "ui_locales=de&ui_locales=en", "ui%5Flocales=de&ui_locales=en",
		"client=main", "handle=%3Cscript%3E", "handle=", "prompt=none+login", "max_age=-1", "login_hint=a%0Ab", "%zz",
	} {
		// As the page does when it is opened with this fragment.
		view := eval[string](p, `
			element('message').textContent = '';
			await perform('login', `+js(place+"&"+parameter)+`, `+js(s.AppURL+homePage)+`, `+js(s.AppURL)+`, `+js(homePage)+`);
			return element('message').textContent === text('request') ? 'request' : element('message').textContent`)
		assert.Equal(t, "request", view, parameter)
	}
	assert.Zero(t, s.requestsTo("/authorize"))
	// By the client, whose last word an extra parameter has.
	p.visit(s.AppURL + homePage)
	login(p, `returnTo: "`+homePage+`", extra: { redirect_uri: location.href }`)
	vaultShows(p, "request")
	assert.Zero(t, s.requestsTo("/authorize"))

	p.visit(s.VaultURL + "/login.html?again#" + place + "&login_hint=alice%26redirect_uri%3Dx&acr_values=urn:devidp:pwd+x&ui_locales=de&prompt=login")
	got := s.atAuthorize(p)
	assert.Equal(t, "alice&redirect_uri=x", got.Get("login_hint"), "control: what may be chosen")
	assert.Equal(t, "de", got.Get("ui_locales"), "control: what the configuration names")
	assert.Equal(t, []string{s.callbackURL()}, got["redirect_uri"])
}
