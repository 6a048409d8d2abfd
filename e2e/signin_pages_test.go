package e2e

import (
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// pushes makes the client push its authorization requests (RFC 9126).
func pushes(o *demo.Options) {
	vaultedClient(func(c *demo.Client) {
		c.PAR, c.Endpoints.PushedAuthorization = true, c.Issuer+"/par"
	})(o)
	vaultedAtServer(func(c *devidp.Client) { c.RequirePAR = true })(o)
}

func TestVaultPushesItsRequests(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, pushes)
	p := s.open(homePage)
	login(p, `loginHint: "alice", `+backHome)
	p.until(`document.querySelector("#submit") !== null`)
	assert.Equal(t, "alice", eval[string](p, `return document.querySelector("#username").value`))
	s.fillSignIn(p)
	isBack(p)
	s.mustServeVaulted(p)
	requests := s.authorizations()
	require.Len(t, requests, 1)
	uri := requests[0].Get("request_uri")
	assert.NotEmpty(t, uri)
	assert.Equal(t, url.Values{"client_id": {demo.VaultedClientID}, "request_uri": {uri}}, requests[0], "the rest is between the vault and the server")
	assert.Equal(t, 1, s.IDP.Stats().Pushes)
	s.canary(p)
}

// The server's keys and algorithms may change between any two sign-ins.
func TestVaultKnowsTheServersKeysOfTheMoment(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	again := func() {
		t.Helper()
		eval[any](p, `await tokenvault.logout("vaulted")`)
		login(p, backHome)
		isBack(p)
		assert.Equal(t, "user-alice", subject(p))
	}
	for _, alg := range []string{"RS256", "PS256", "EdDSA", "ES256"} {
		require.NoError(t, s.IDP.SetIDTokenAlg(alg))
		again()
	}
	for _, keep := range []bool{true, false} {
		require.NoError(t, s.IDP.RotateKeys(keep))
		again()
	}
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultIDKey})
	eval[any](p, `await tokenvault.logout("vaulted")`)
	login(p, backHome)
	s.says(p, "untrusted")
	assert.Empty(t, s.live())
}

// failures are the errors that a server makes the vault show. Each has a button that
// mends it as soon as the server does.
var failures = []struct {
	name, view string
	fault      devidp.Fault
	says       string
}{
	{"token endpoint fails", "server", devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultStatus, Status: 500}, "(server_error)"},
	{"token endpoint refuses", "server", devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultInvalidGrant}, "(invalid_grant)"},
	{"token endpoint is not reached", "network", devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultDrop}, ""},
	{"token endpoint answers with a page", "untrusted", devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultGarbage}, "(tokens)"},
	{"keys are not reached", "network", devidp.Fault{Endpoint: devidp.EndpointJWKS, Kind: devidp.FaultDrop}, ""},
	{"keys are no keys", "untrusted", devidp.Fault{Endpoint: devidp.EndpointJWKS, Kind: devidp.FaultGarbage}, "(id_token)"},
	{"pushed request is refused", "server", devidp.Fault{Endpoint: devidp.EndpointPush, Kind: devidp.FaultStatus, Status: 500}, "(server_error)"},
	{"pushed request does not arrive", "network", devidp.Fault{Endpoint: devidp.EndpointPush, Kind: devidp.FaultDrop}, ""},
	{"another issuer answers", "untrusted", devidp.Fault{Endpoint: devidp.EndpointResponse, Kind: devidp.FaultWrongIssuer}, "(iss)"},
	{"id_token is of another sign-in", "untrusted", devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultIDNonce}, "(id_token)"},
}

func TestFailedSignInSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, pushes)
	p := s.open(homePage)
	login(p, backHome)
	s.fillSignIn(p)
	isBack(p)
	for _, tc := range failures {
		eval[any](p, `await tokenvault.logout("vaulted")`)
		s.IDP.SetFaults(tc.fault)
		login(p, backHome)
		s.says(p, tc.view)
		assert.Contains(t, eval[string](p, `return `+message), tc.says, tc.name)
		assert.Equal(t, []string{"Try again", "Back to the app"}, buttons(p), tc.name)
		assert.Equal(t, "title", eval[string](p, `return document.activeElement.id`), tc.name)
		assert.Empty(t, s.live(), tc.name)
		s.IDP.SetFaults()
		choose(p, "retry")
		isBack(p)
		s.mustServeVaulted(p)
	}
	s.canary(p)
}

// What is in the answer's URL is shown only where it is an error code.
func TestErrorOfTheServerIsShownSafely(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.open(homePage)
	for _, tc := range []struct{ code, view, says string }{
		{"temporarily_unavailable", "server", "(temporarily_unavailable)"},
		{"<b>Call 555-1234 now</b>", "server", "(unknown)"},
		{"", "server", "(unknown)"},
		{"access_denied", "denied", ""},
	} {
		p.visit(s.AppURL + homePage)
		s.IDP.ClearRequests()
		login(p, backHome)
		p.until(`document.querySelector("#submit") !== null`)
		p.visit(s.VaultURL + "/callback.html?" + url.Values{
			"state": {s.authorizations()[0].Get("state")}, "iss": {s.AuthURL},
			"error": {tc.code}, "error_description": {"Call 555-1234 now"}, "error_uri": {"https://evil.example/"},
		}.Encode())
		s.says(p, tc.view)
		assert.Contains(t, eval[string](p, `return `+message), tc.says, tc.code)
		whole := eval[string](p, `return document.documentElement.outerHTML + location.href`)
		assert.NotContains(t, whole, "555-1234")
		assert.NotContains(t, whole, "evil")
	}
	choose(p, "retry")
	s.fillSignIn(p)
	isBack(p)
	assert.Equal(t, "user-alice", subject(p))
}

// look checks a view for everybody: in both colour schemes and with text twice as large.
func look(p *tab, title string) {
	p.t.Helper()
	p.until(`document.title === ` + js(title))
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(scheme)
		accessible(p)
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	eval[any](p, `document.documentElement.style.fontSize = "200%"`)
	accessible(p)
	assert.LessOrEqual(p.t, eval[float64](p, `return document.documentElement.scrollWidth - innerWidth`), 0.0, "%s is wider than the window", title)
	eval[any](p, `document.documentElement.style.fontSize = ""`)
}

func TestPagesOfTheVaultAreAccessible(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, pushes)
	p := s.open(homePage)
	release := s.holdEndpoint(devidp.EndpointPush, 0)
	login(p, backHome)
	s.says(p, "login")
	look(p, "Signing in")
	release()
	release = s.holdEndpoint(devidp.EndpointCode, 0)
	s.fillSignIn(p)
	s.says(p, "callback")
	look(p, "Signing in")
	release()
	isBack(p)

	s.IDP.SetFaults()
	s.comeAsHatter(p, func() { login(p, backHome) })
	look(p, "Another account")
	assert.Equal(t, "title", eval[string](p, `return document.activeElement.id`))
	choose(p, "keep")
	isBack(p)
	login(p, `prompt: "login", `+backHome)
	p.until(`document.querySelector("#cancel") !== null`)
	eval[any](p, `document.querySelector("#cancel").click()`)
	s.says(p, "denied")
	look(p, "This did not work")
	p.visit(s.VaultURL + "/signed-out.html")
	s.says(p, "signed-out")
	look(p, "You are signed out")
	eval[any](p, `document.querySelector("#actions button").textContent = ""`)
	assert.NotEmpty(t, barriers(p), "control: what is wrong is found")
}

func TestPagesOfTheVaultSpeakTheUsersLanguage(t *testing.T) {
	t.Parallel()
	german := func(p *tab) {
		call(p, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
			UserAgent: eval[string](p, `return navigator.userAgent`), AcceptLanguage: "de-AT,en",
		})
	}
	own := func(language string) func(*demo.Configuration) {
		return func(c *demo.Configuration) {
			c.Pages = &demo.Pages{Language: language, Texts: map[string]map[string]string{"de": {"signedOutTitle": "Servus"}}}
		}
	}
	s := newVaultedSite(t)
	for name, tc := range map[string]struct {
		change         func(*demo.Configuration)
		german         bool
		language, head string
	}{
		"the browser's":               {nil, true, "de", "Sie sind abgemeldet"},
		"English, where it is not":    {nil, false, "en", "You are signed out"},
		"own texts":                   {own(""), true, "de", "Servus"},
		"the only one that there is":  {own("de"), false, "de", "Servus"},
		"English, for those who like": {own("en"), true, "en", "You are signed out"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.Deploy(t.Context(), tc.change))
			p := s.open("/e2e/plain.html")
			if tc.german {
				german(p)
			}
			p.visit(s.VaultURL + "/signed-out.html")
			s.saysIn(p, tc.language, "signed-out")
			assert.Equal(t, tc.head, p.text("h1"))
			assert.Equal(t, tc.language, eval[string](p, `return document.documentElement.lang`))
		})
	}
}
