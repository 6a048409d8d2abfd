package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/demo"
	"tokenvault/internal/protocol"
)

func TestCertifiedServerIsSignedInToByTheVault(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, _ *demo.Configuration) { o.AccessTTL = 2 })
	p := s.signInVaultAtCertified("")
	assert.True(t, eval[bool](p, `return tokenvault.isAuthenticated("main")`))
	assert.Equal(t, map[string]any{"sub": "demo"}, eval[map[string]any](p, `return tokenvault.claims("main")`))

	request, _ := s.certified.last("GET", "/auth")
	assert.Equal(t, "S256", request.Params["code_challenge_method"])
	exchange, _ := s.certified.last("POST", "/token")
	assert.Equal(t, request.Params["code_challenge"], base64Hash(exchange.Params["code_verifier"].(string)))
	for _, name := range []string{"state", "nonce"} {
		assert.Len(t, request.Params[name], 43, "%s has 256 bits", name)
	}

	before := s.certified.token("refresh")
	untilExpired(p)
	s.askCertified(p)
	after := s.certified.token("refresh")
	assert.True(t, after.Live && after.Value != before.Value, "it was rotated")
	renewal, _ := s.certified.last("POST", "/token")
	assert.Equal(t, "refresh_token", renewal.Params["grant_type"])
	assert.Equal(t, s.VaultURL, renewal.Origin)

	// A page that is loaded later finds the session, and renews it.
	untilExpired(p)
	p.visit(s.AppURL + homePage + "?later")
	s.askCertified(p)
	_, visits := s.certified.last("GET", "/auth")
	assert.Equal(t, 1, visits, "nobody was sent to the server for that")

	s.certified.omitIssuer()
	mark := loginAtCertified(p, "")
	s.view(p, "(iss)")
	eval[any](p, `document.querySelector("button").click()`)
	isBackAt(p, mark)
	again, visits := s.certified.last("GET", "/auth")
	assert.Equal(t, 3, visits)
	assert.NotEqual(t, request.Params["state"], again.Params["state"])
	assert.NotEqual(t, request.Params["nonce"], again.Params["nonce"])
	s.askCertified(p)
	s.canary(p)

	planted := []string{s.certified.token("code").Value, s.certified.token("id").Value, exchange.Params["code_verifier"].(string), request.Params["state"].(string)}
	eval[any](p, `window.planted = `+js(planted))
	found := s.leaks(p, s.needles())
	for _, name := range []string{"code token", "id token", "code_verifier", "state"} {
		assert.Contains(t, found, "certified "+name+" in page: heap", "the canary knows this server's secrets")
	}
}

func TestCertifiedServerSignsInInAPopupAndChangesAccounts(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t)
	p := s.open(homePage)
	eval[any](p, `await tokenvault.ready`)
	// popup begins a sign-in by a click, and returns the window that opens.
	popup := func(options, account string) *tab {
		eval[any](p, `
			document.body.innerHTML = "<button>Sign in</button>";
			document.querySelector("button").onclick = () => {
				window.outcome = tokenvault.login({ mode: "popup", `+options+` }).then(() => "ok", (error) => error.code);
			}`)
		p.do(chromedp.Click(chromedp.CSS("button")))
		servers := func() []*target.Info { return s.targets("page", s.certified.Issuer) }
		require.Eventually(t, func() bool { return len(servers()) == 1 }, patience, 20*time.Millisecond)
		window := s.attach(p, servers()[0])
		s.certified.fillSignIn(window, account)
		return window
	}
	outcome := func() string { return eval[string](p, `return window.outcome`) }
	sub := func() any { return eval[map[string]any](p, `return tokenvault.claims("main")`)["sub"] }
	closed := func() {
		require.Eventually(t, func() bool { return len(s.targets("page", s.VaultURL)) == 0 }, patience, 20*time.Millisecond)
	}

	popup("", "demo")
	assert.Equal(t, "ok", outcome())
	closed()
	assert.Equal(t, "demo", sub())

	window := popup(`prompt: "login"`, "other")
	s.view(window, "demo")
	assert.Equal(t, "demo", sub(), "nobody has said yes yet")
	eval[any](window, `document.querySelectorAll("button")[0].click()`)
	assert.Equal(t, "sign_in_failed", outcome())
	closed()
	assert.Equal(t, "demo", sub())
	assert.False(t, s.certified.token("refresh").Live, "what the other account got is revoked")
	s.askCertifiedAs(p, "demo")

	window = popup(`prompt: "login"`, "other")
	s.view(window, "demo")
	eval[any](window, `document.querySelectorAll("button")[1].click()`)
	assert.Equal(t, "ok", outcome())
	closed()
	assert.Equal(t, "other", sub())
	s.askCertifiedAs(p, "other")
	s.canary(p)
}

func TestCertifiedServerTakesPushedRequests(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*certifiedOptions, *demo.Configuration)
	}{
		{"because the server requires it", func(o *certifiedOptions, _ *demo.Configuration) { o.RequirePAR = true }},
		{"because the configuration says so", func(_ *certifiedOptions, c *demo.Configuration) { c.Clients[0].PAR = true }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newCertifiedVault(t, tc.change)
			p := s.signInVaultAtCertified(`loginHint: "demo@example.com"`)
			pushed, _ := s.certified.last("POST", "/request")
			assert.Equal(t, 201, pushed.Status)
			assert.Equal(t, s.VaultURL, pushed.Origin)
			assert.Equal(t, "demo@example.com", pushed.Params["login_hint"])
			s.askCertified(p)
			s.canary(p)
		})
	}
}

func TestCertifiedServerIsAskedForAStrongerSignIn(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, _ *demo.Configuration) { o.ACRValues = []string{"silver", "gold"} })
	p := s.signInVaultAtCertified("")
	needs := s.certified.whoami() + "?acr=gold"
	event := eval[map[string]any](p, `
		const event = new Promise((resolve) => tokenvault.on("stepup", resolve));
		window.refused = (await fetch(`+js(needs)+`)).status;
		return event`)
	assert.Equal(t, "main", event["client"])
	assert.Equal(t, "gold", event["acrValues"])
	assert.Equal(t, 401, eval[int](p, `return window.refused`))
	assert.True(t, has(p))

	s.signInAgainAtCertified(p, "demo", `acrValues: `+js(event["acrValues"]))
	assert.Equal(t, map[string]any{"sub": "demo", "acr": "gold"}, eval[map[string]any](p, `return tokenvault.claims("main")`))
	assert.Equal(t, 200, eval[int](p, `return (await fetch(`+js(needs)+`)).status`))
	s.canary(p)
}

// The server gives tokens for less than was asked for. They are of the same grant as the
// session that is there, which goes on.
func TestCertifiedServerThatIsNoStrongerLeavesTheSession(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, _ *demo.Configuration) { o.ACRValues = []string{"silver"} })
	p := s.signInVaultAtCertified("")
	loginAtCertified(p, `acrValues: "gold"`)
	s.view(p, "(id_token)")
	p.visit(s.AppURL + homePage)
	eval[any](p, `await tokenvault.refresh("main")`)
	s.askCertified(p)
	s.canary(p)
}

func TestCertifiedServerIsSignedOutOfByTheVault(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t)
	p := s.signInVaultAtCertified("")
	eval[any](p, `await tokenvault.refresh("main"); await tokenvault.logout("main")`)
	assert.False(t, has(p))
	for _, token := range s.certified.issued() {
		assert.False(t, token.Live, "the %s token", token.Kind)
	}

	// The session at the server goes on; with the tokens the user's consent ended.
	mark := loginAtCertified(p, "")
	p.until(`document.title === "Consent"`)
	s.certified.fillSignIn(p, "demo")
	isBackAt(p, mark)
	id := s.certified.token("id").Value
	mark = fmt.Sprint("#out-", lastMark.Add(1))
	eval[any](p, `tokenvault.logout({ client: "main", everywhere: true, returnTo: `+js(homePage+mark)+` })`)
	isBackAt(p, mark)
	assert.False(t, has(p))
	end, _ := s.certified.last("GET", "/session/end")
	assert.Equal(t, id, end.Params["id_token_hint"])
	assert.Equal(t, s.VaultURL+"/"+protocol.SignedOutPage, end.Params["post_logout_redirect_uri"])
	s.canaryAfterSignOut(p)

	// Somebody else may come.
	s.signInAgainAtCertified(p, "other", "")
	s.askCertifiedAs(p, "other")
	s.canaryAfterSignOut(p)
}

// The user signs out of the server in another tab, and with that of the app.
func TestCertifiedServerLogsOutByTheFrontChannel(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, c *demo.Configuration) {
		o.Clients[0].FrontChannelLogoutURI = c.Vault.Origin + "/" + protocol.FrontChannelPage
	})
	p := s.signInVaultAtCertified("")
	record(p)
	eval[any](p, `await tokenvault.refresh("main")`)
	other := s.open(homePage)
	s.frameFarewells(other, s.certified.Issuer, func(query string) { assert.True(t, has(p), query) })

	other.visit(s.certified.Issuer + "/session/end")
	p.until(`window.events.join() === "refreshed main,signedout main"`)
	assert.False(t, has(p))
	assert.Equal(t, "not_signed_in", eval[reply](p, `return `+asking(s.certified.whoami(), `{}`)).Error)
	s.canaryAfterSignOut(p)
}

// A document of another issuer is none (RFC 8414 §3.3), also where it is the same server.
func TestCertifiedServerIsFoundByItsIssuerAlone(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(*certifiedOptions) {})
	discover := func(issuer string) (*config.Config, error) {
		loaded, err := config.Parse([]byte(`{
			"app": { "origin": "http://app.example.localhost" }, "vault": { "origin": "http://vault.example.localhost" },
			"clients": [{ "name": "main", "clientId": "any", "signIn": "vault", "issuer": ` + js(issuer) + ` }]
		}`))
		require.NoError(t, err)
		return loaded, config.Discover(t.Context(), c.web, loaded)
	}
	found, err := discover(c.Issuer)
	require.NoError(t, err)
	assert.True(t, found.Clients[0].SignIn.RequireIssuer, "the server's metadata say that it names itself (RFC 9207 §3)")
	assert.Equal(t, c.Issuer+"/auth", found.Clients[0].Endpoints.Authorization.URL())

	_, err = discover(strings.Replace(c.Issuer, "certified.", "alias.", 1))
	require.ErrorIs(t, err, config.ErrDiscovery)
	assert.ErrorContains(t, err, "is of issuer "+js(c.Issuer))
}
