package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// codeThief is what a script tries with an authorization request of its own, for a
// user who has a session at the server: each way returns all that the script can read.
const codeThief = `
	const read = (get) => { try { return String(get()); } catch (error) { return String(error); } };
	const framed = async (url, sandbox) => {
		const frame = document.createElement('iframe');
		if (sandbox) frame.sandbox = sandbox;
		const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
		frame.src = url;
		document.body.append(frame);
		await loaded;
		const seen = [
			read(() => frame.contentWindow.location.href), read(() => frame.contentWindow.document.URL),
			read(() => frame.contentDocument.URL), read(() => frame.src),
		];
		frame.remove();
		return seen.join('\n');
	};
	const fetched = (url, init) => fetch(url, { credentials: 'include', ...init }).then(readOut).then(textOf, String);
	const timeline = () => performance.getEntries().map(({ name }) => name).join('\n');`

// TestHostileSignInOwnCodeFlow has a script run a code flow of its own, with a verifier
// of its own, for a user who has a session at the server: in a hidden frame, in a popup
// and by fetch. In the control the app is a redirect URI, as it is where it signs in by
// itself, and admitted by the server's CORS: the script has codes, and tokens for them.
// Where the vault signs in, the server refuses the app's URLs; for the vault's it gives
// codes, which nobody gets to see and the vault does not redeem. CORS is as in the
// control: that there is no code does not rest on it.
func TestHostileSignInOwnCodeFlow(t *testing.T) {
	t.Parallel()
	insecure := func(o *demo.Options) { o.InsecureAppCORS = true }
	t.Run("control: the app signs in", func(t *testing.T) {
		s := newHostileSite(t, insecure)
		p := s.signInHostile()
		inGesture(p, `window.popup = open('about:blank')`)
		for _, way := range []string{"frame", "popup"} {
			got := eval[string](p, codeThief+bypassing+`
				const redirect = '/e2e/plain.html';
				const { url, verifier } = await beginSignIn(redirect, { prompt: 'none' });
				let seen = '';
				if (`+js(way)+` === 'frame') seen = await framed(url);
				else {
					popup.location = url;
					while (!seen.includes('code=')) {
						await new Promise((resolve) => around.contentWindow.setTimeout(resolve));
						seen = read(() => popup.location.href);
					}
					popup.close();
				}
				const code = new URL(seen.split('\n')[0]).searchParams.get('code');
				return code + textOf(await readOut(await redeem(code, verifier, { redirect, send: uncontrolled })));`)
			assert.NotEmpty(t, s.codesIn(got), "control: the script in the page reads the code, by a %s", way)
			assert.NotEmpty(t, s.found(got), "control: the code is worth tokens, by a %s", way)
		}
	})

	t.Run("the vault signs in", func(t *testing.T) {
		s := newHostileVaultedSite(t, insecure)
		p := s.signedInServerOnly()
		for _, row := range []struct {
			name, redirect string
			codes          int // that the server gives for frame, sandboxed frame, 3 fetches and popup
		}{
			{"to the app", s.AppURL + "/e2e/plain.html", 0},
			{"to the vault's frame", s.VaultURL + "/proxy.html", 0},
			{"to the vault's callback", s.callbackURL(), 6},
		} {
			before := s.IDP.Stats().Authorizations
			s.IDP.ClearRequests()
			url := s.attackersRequest(s.AuthURL+"/authorize", "redirect_uri", row.redirect, "prompt", "none", "state", "attackers-state")
			seen := eval[string](p, codeThief+`
				const url = `+js(url)+`;
				const seen = [await framed(url), await framed(url, 'allow-scripts allow-same-origin')];
				for (const init of [{}, { redirect: 'manual' }, { mode: 'no-cors' }]) seen.push(await fetched(url, init));
				return [...seen, timeline()].join('\n');`)

			inGesture(p, `window.popup = open(`+js(url)+`)`)
			var popup *tab
			if row.codes > 0 {
				popup = s.pageOf(p, s.callbackURL())
				vaultShows(popup, "stale")
				assert.Equal(t, s.callbackURL(), eval[string](popup, `return location.href`), "the code is gone from the address")
			} else {
				popup = s.pageOf(p, s.AuthURL)
			}
			seen += eval[string](p, codeThief+`
				return [
					read(() => popup.location.href), read(() => popup.document.URL), read(() => popup.name),
					timeline(), document.referrer,
				].join('\n');`)
			closeWindow(popup)
			assert.Empty(t, s.codesIn(seen), row.name)
			assert.NotContains(t, seen, "code=", row.name)
			assert.Contains(t, seen, "SecurityError", "control: the script looked, %s", row.name)
			assert.Equal(t, row.codes, s.IDP.Stats().Authorizations-before, "%s: codes that the server gave", row.name)
			assert.Equal(t, 6, s.requestsTo("/authorize"), "control: each way reached the server, %s", row.name)
			assert.Zero(t, s.tokenRequests(), row.name)
			assert.False(t, hasVaulted(p), "%s: the vault stores nothing", row.name)
		}
		// The codes were given, to URLs that Chromium names on the console when it refuses
		// them: no script reads that, and it is in the memory of the app's process.
		needles := s.needles()
		maps.DeleteFunc(needles, func(_, name string) bool { return strings.HasPrefix(name, "code") })
		assert.Empty(t, s.leaks(p, needles))
	})
}

// TestHostileSignInTokenEndpoint gives the script what it could not come by: a code of
// the user's, whose verifier it chose. It sends them to the token endpoint, through the
// vault and past it, and asks for a renewal there. The vault has no such route for a
// client that it signs in itself, and past it the server's CORS keeps the answer from
// the page: in the control, where the server admits the app, the script has tokens.
func TestHostileSignInTokenEndpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		change   func(*demo.Options)
		routed   bool // the worker hands requests to the endpoint to the vault
		admitted bool
	}{
		{"beside a client that signs in by itself", func(*demo.Options) {}, true, false},
		{"alone", configured(func(c *demo.Configuration) { c.Clients = c.Clients[2:] }), false, false},
		{"control: the server's CORS admits the app", func(o *demo.Options) { o.InsecureAppCORS = true }, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileVaultedSite(t, tc.change)
			p := s.signInHostileAtVault()
			granted := func() string {
				request := s.attackersRequest(s.AuthURL + "/authorize")
				return "grant_type=authorization_code&client_id=demo-vault&code=" + s.attackersAnswer(request, s.Account).Get("code") +
					"&code_verifier=" + attackersVerifier + "&redirect_uri=" + s.callbackURL()
			}
			s.IDP.ClearRequests()
			for name, body := range map[string]string{
				"a code":    granted(),
				"a renewal": "grant_type=refresh_token&client_id=demo-vault&refresh_token=REDACTED",
			} {
				got := eval[outcome](p, `return (await new Line().ready).ask({
					url: `+js(s.AuthURL+"/token")+`, method: 'POST', headers: 'content-type\napplication/x-www-form-urlencoded\n',
				}, `+js(body)+`)`)
				assert.Equal(t, "invalid_request", got.code(), "%s by a message: %+v", name, got)
				assert.Zero(t, s.tokenRequests(), "%s by a message: the vault asks nothing", name)
			}
			assert.True(t, hasVaulted(p), "the session is what it was")

			post := func(send, body string) string {
				return eval[string](p, bypassing+`
					return `+send+`(`+js(s.AuthURL+"/token")+`, { method: 'POST', body: new URLSearchParams(`+js(body)+`) }).then(readOut).then(textOf, String)`)
			}
			got := eval[string](p, `return fetch(`+js(s.AuthURL+"/token")+`, { method: 'POST', body: new URLSearchParams(`+js(granted())+`) }).then(readOut).then(textOf, String)`)
			if tc.routed {
				assert.Contains(t, got, "invalid_request", "the worker hands it to the vault, which refuses")
				assert.Zero(t, s.tokenRequests())
			} else {
				assert.Contains(t, got, "TypeError", "the worker leaves it alone, and the page gets no answer")
			}
			s.noToken(got, "the answer through the worker")

			exchanges := s.IDP.Stats().Exchanges
			got = post("uncontrolled", granted())
			require.Equal(t, exchanges+1, s.IDP.Stats().Exchanges, "control: the code was good")
			if tc.admitted {
				assert.NotEmpty(t, s.found(got), "control: the script has tokens")
			} else {
				assert.Contains(t, got, "TypeError")
				s.noToken(got, "the answer past the vault")
			}
			got = post("uncontrolled", "grant_type=refresh_token&client_id=demo-vault&refresh_token=REDACTED")
			s.noToken(got, "the renewal past the vault")
			assert.Zero(t, s.IDP.Stats().Refreshes)
			assert.NotEmpty(t, s.token(devidp.RefreshToken), "control: there is a refresh token")
		})
	}
}
