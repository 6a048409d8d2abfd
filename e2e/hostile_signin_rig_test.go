package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// signInHostileAtVault has the vault sign in on the page with the hostile script.
func (s *site) signInHostileAtVault() *tab {
	s.t.Helper()
	p := s.open(hostilePage)
	login(p, `returnTo: "`+hostilePage+`#back"`)
	s.atAuthorize(p)
	s.fillSignIn(p)
	seen(p, `location.hash === "#back" && window.tokenvault !== undefined`)
	eval[any](p, `await tokenvault.ready`)
	return p
}

// signedInServerOnly is a page of the attacker's in a browser in which the user has a
// session at the authorization server, and none in the vault.
func (s *site) signedInServerOnly() *tab {
	s.t.Helper()
	p := s.signInHostileAtVault()
	eval[any](p, `await tokenvault.remove("vaulted")`)
	p.stop()
	p = s.open(hostilePage)
	eval[any](p, `await tokenvault.ready`)
	return p
}

// hasVaulted asks the vault for the client that it signs in.
func hasVaulted(p *tab) bool {
	p.t.Helper()
	return eval[bool](p, `return tokenvault.has("vaulted")`)
}

// holder names the account that a page's vault holds, "" for none.
func holder(p *tab) string {
	p.t.Helper()
	return eval[string](p, `await tokenvault.ready; return (await tokenvault.claims("vaulted"))?.name ?? ""`)
}

// vaultShows waits for a page of the vault to show a view. details are for its text.
func vaultShows(p *tab, view string, details ...string) {
	p.t.Helper()
	values := map[string]string{}
	for i := 0; i+1 < len(details); i += 2 {
		values[details[i]] = details[i+1]
	}
	seen(p, `document.querySelector('#message')?.firstChild?.textContent === text(`+js(view)+`, `+js(values)+`)`)
}

// seen waits for an expression to be true, like until, in a tab that goes from page to
// page: it asks each of them, instead of waiting in one that may be left.
func seen(p *tab, expression string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		ctx, cancel := context.WithTimeout(p.ctx, patience/30)
		defer cancel()
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return err == nil && is
	}, patience, patience/1000, "never true: %s", expression)
}

// returned waits for the page that a sign-in ends in, like isBack.
func returned(p *tab) {
	p.t.Helper()
	seen(p, `location.hash === "#back"`)
	isBack(p)
}

// callbackURL is the vault's redirect URI.
func (s *site) callbackURL() string { return s.VaultURL + "/callback.html" }

// atAuthorize waits for a tab to be at a form of the authorization server, and returns
// the authorization request, which only the test sees.
func (s *site) atAuthorize(p *tab) url.Values {
	s.t.Helper()
	seen(p, `document.querySelector("#submit") !== null`)
	at, err := url.Parse(eval[string](p, `return location.href`))
	require.NoError(s.t, err)
	return at.Query()
}

// pageOf waits for a window whose URL begins with a prefix, and attaches to it.
func (s *site) pageOf(p *tab, prefix string) *tab {
	s.t.Helper()
	var found []*target.Info
	require.Eventually(s.t, func() bool { found = s.targets("page", prefix); return len(found) == 1 }, patience, patience/1000, "no window at %s", prefix)
	return s.attach(p, found[0])
}

// inGesture runs a script as the handler of a click would: browsers open windows then.
func inGesture(p *tab, script string) {
	p.t.Helper()
	gesture := true
	result := call(p, runtime.Evaluate, runtime.EvaluateParams{Expression: script, UserGesture: &gesture})
	require.Nil(p.t, result.ExceptionDetails, "script: %s", script)
}

// closeWindow closes a window that pageOf has found.
func closeWindow(p *tab) {
	p.t.Helper()
	call(p, page.Close, cdp.Empty{})
	p.stop()
}

// tokenRequests counts the token requests that the server has seen.
func (s *site) tokenRequests() int {
	n := 0
	for _, r := range s.IDP.Requests() {
		if r.Server == devidp.AuthServer && r.Method == "POST" && (r.Path == "/token" || strings.HasSuffix(r.Path, "/access_token")) {
			n++
		}
	}
	return n
}

// requestsTo counts the requests to a path of the authorization server.
func (s *site) requestsTo(path string) int {
	n := 0
	for _, r := range s.IDP.Requests() {
		if r.Server == devidp.AuthServer && r.Path == path {
			n++
		}
	}
	return n
}

// codesIn names the codes of the server that are in a text.
func (s *site) codesIn(text string) []string {
	var found []string
	for _, token := range s.IDP.Issued() {
		if token.Kind == devidp.CodeToken && strings.Contains(text, token.Value) {
			found = append(found, fmt.Sprint("a code for ", token.ClientID))
		}
	}
	return found
}

// attackersVerifier is the code verifier of flows that the attacker begins.
var attackersVerifier = rand.Text() + rand.Text()

// attackersRequest is an authorization request of the attacker's, with a challenge
// whose verifier the attacker has.
func (s *site) attackersRequest(authorization string, pairs ...string) string {
	sum := sha256.Sum256([]byte(attackersVerifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {demo.VaultedClientID}, "redirect_uri": {s.callbackURL()},
		"scope": {demo.Scope}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return authorization + "?" + query.Encode()
}

var hiddenTransaction = regexp.MustCompile(`name="transaction" value="([^"]+)"`)

// attackersAnswer signs an account in, in a browser of the attacker's own, and returns
// the authorization response, which that browser does not deliver.
func (s *site) attackersAnswer(request string, account devidp.Account) url.Values {
	s.t.Helper()
	web := loopback(s.t)
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := hiddenTransaction.FindStringSubmatch(bodyOf(s.t, loopbackGet(s.t, web, request)))
	require.NotNil(s.t, form, "no sign-in form at %s", request)
	response, err := web.PostForm(s.AuthURL+"/signin", url.Values{
		"transaction": form[1:], "username": {account.Username}, "password": {account.Password},
	})
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	to, err := response.Location()
	require.NoError(s.t, err, "the sign-in of %s was refused", account.Username)
	require.NotEmpty(s.t, to.Query().Get("code"))
	return to.Query()
}

// deliver opens the vault's callback with an answer in a window of its own.
func (s *site) deliver(answer url.Values) *tab {
	s.t.Helper()
	p := s.open("/e2e/plain.html")
	p.visit(s.callbackURL() + "?" + answer.Encode())
	return p
}

// bypassing is a script that defines uncontrolled: a fetch of a page that no service
// worker controls, so that requests go past the vault.
const bypassing = `
	for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
	const around = document.createElement('iframe');
	around.src = '/e2e/plain.html?around';
	const loaded = new Promise((resolve) => around.addEventListener('load', resolve));
	document.body.append(around);
	await loaded;
	const uncontrolled = around.contentWindow.fetch;`

// withHostilePages are the pages of these tests among the app's redirect URIs.
func withHostilePages(o *demo.Options) {
	o.RedirectPaths = append(o.RedirectPaths, hostilePage, "/e2e/plain.html")
}

// newHostileVaultedSite is a site whose hostile page has the vault sign in.
func newHostileVaultedSite(t testing.TB, change ...func(*demo.Options)) *site {
	t.Helper()
	return newVaultedSite(t, append([]func(*demo.Options){withHostilePages}, change...)...)
}

// claimOf reads a claim of an id_token, which is text.
func claimOf(t testing.TB, token, name string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	value, ok := decode[map[string]any](t, string(payload))[name].(string)
	require.True(t, ok, "the id_token has no %s", name)
	return value
}
