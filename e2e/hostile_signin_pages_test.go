package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
	"tokenvault/static"
)

// serveBare has a tab get the sign-in pages of the vault as a server would send them
// that knows neither Fetch Metadata nor frame-ancestors.
func (s *site) serveBare(p *tab) {
	s.t.Helper()
	web := loopback(s.t)
	require.NoError(s.t, chromedp.Listen(p.ctx, func(event any) {
		paused, ok := event.(*fetch.EventRequestPaused)
		if !ok {
			return
		}
		go func() {
			response, err := web.Get(paused.Request.URL)
			if err != nil {
				s.t.Errorf("the vault does not answer: %v", err)
				return
			}
			body := []byte(bodyOf(s.t, response))
			ctx, cancel := context.WithTimeout(p.ctx, patience)
			defer cancel()
			_, err = chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: paused.RequestID, ResponseCode: http.StatusOK, Body: body,
				ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "text/html; charset=utf-8"}},
			})
			assert.NoError(s.t, err)
		}()
	}))
	call(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{
		{URLPattern: s.VaultURL + "/login.html*"}, {URLPattern: s.VaultURL + "/callback.html*"}, {URLPattern: s.VaultURL + "/logout.html*"},
	}})
}

// TestHostileSignInPagesNeedAWindow loads the pages of the vault in every way but as the
// document of a window, with a request that would sign the user in without a word, and
// with an answer that would. Nothing comes of it, neither by the headers nor, where a
// control sends the pages without them, by the page itself. In the last control the
// same pages are in a window.
func TestHostileSignInPagesNeedAWindow(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t)
	p := s.signedInServerOnly()
	begun := s.open(homePage)
	login(begun, `returnTo: "`+homePage+`#back", prompt: "login"`)
	answer := s.attackersAnswer(s.AuthURL+"/authorize?"+s.atAuthorize(begun).Encode(), s.Account)
	loginPage := s.VaultURL + "/login.html#client=vaulted&return_to=" + url.QueryEscape(homePage+"#back")
	callbackPage := s.callbackURL() + "?" + answer.Encode()
	s.IDP.ClearRequests()

	seenByScript := eval[[]string](p, codeThief+`
		const pages = [`+js(loginPage)+`, `+js(callbackPage)+`, `+js(s.VaultURL+"/logout.html#ticket=x")+`, `+js(s.VaultURL+"/signed-out.html?state=x")+`];
		const element = (name, properties) => new Promise((resolve) => {
			const node = Object.assign(document.createElement(name), properties);
			node.onload = () => resolve(name + ' loaded ' + read(() => node.contentWindow?.location.href ?? node.contentDocument?.URL));
			node.onerror = () => resolve(name + ' error');
			document.body.append(node);
		}).finally(() => document.body.lastElementChild.remove());
		const seen = [];
		for (const url of pages) {
			seen.push(
				await framed(url), await framed(url, 'allow-scripts'), await framed(url, 'allow-scripts allow-same-origin allow-popups allow-top-navigation'),
				await element('object', { data: url }), await element('embed', { src: url }), await element('script', { src: url }),
				await element('img', { src: url }), await element('link', { rel: 'stylesheet', href: url }), await element('link', { rel: 'prefetch', href: url }),
			);
			for (const init of [{}, { redirect: 'manual' }, { mode: 'no-cors' }, { mode: 'same-origin' }]) seen.push(await fetched(url, init));
		}
		const rules = document.createElement('script');
		rules.type = 'speculationrules';
		rules.textContent = JSON.stringify({
			prefetch: [{ source: 'list', urls: pages, eagerness: 'immediate' }], prerender: [{ source: 'list', urls: pages, eagerness: 'immediate' }],
		});
		document.head.append(rules);
		return seen;`)
	for _, line := range seenByScript {
		assert.NotContains(t, line, "<title>", "a page was read")
	}
	nothing := func(name string) {
		assert.Zero(t, s.requestsTo("/authorize"), name)
		assert.Zero(t, s.tokenRequests(), name)
		assert.False(t, hasVaulted(p), name)
	}
	nothing("by their headers")

	s.serveBare(p)
	for _, page := range []string{loginPage, callbackPage, s.VaultURL + "/logout.html#x"} {
		for _, sandbox := range []string{"", "allow-scripts allow-same-origin"} {
			eval[any](p, `
				window.framing = document.createElement('iframe');
				if (`+js(sandbox)+`) framing.sandbox = `+js(sandbox)+`;
				framing.src = `+js(page)+`;
				document.body.append(framing);`)
			path, _, _ := strings.Cut(strings.TrimPrefix(page, s.VaultURL), "#")
			path, _, _ = strings.Cut(path, "?")
			require.Eventually(t, func() bool { return len(s.targets("iframe", s.VaultURL+path)) == 1 }, patience, patience/1000, "control: %s is framed", path)
			frame := s.attach(p, s.targets("iframe", s.VaultURL+path)[0])
			vaultShows(frame, "framed")
			eval[any](p, `framing.remove()`)
			require.Eventually(t, func() bool { return len(s.targets("iframe", s.VaultURL+path)) == 0 }, patience, patience/1000)
		}
	}
	nothing("by themselves")

	begun.visit(callbackPage)
	returned(begun)
	assert.True(t, hasVaulted(p), "control: the answer was good")
	begun.visit(loginPage)
	returned(begun)
	assert.Equal(t, 1, s.requestsTo("/authorize"), "control: the request was good")
}

// TestHostileSignInPopupIsOutOfReach keeps the window that login() opens, and tries to
// read it, to lead it elsewhere, to speak to it, and to be spoken to. The opener policy
// cuts the two apart. The control is a vault without it: the script has a window that it
// can count, post to and lead away, and the window has an opener. That a script can have
// the promise of login() settle as it likes is no part of this: it shares the realm of
// the client, and the vault believes nothing that is said there.
func TestHostileSignInPopupIsOutOfReach(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		options []static.Option
		cut     bool
	}{
		{"as it is", nil, true},
		{"control: without an opener policy", []static.Option{static.InsecureOverrideHeader("Cross-Origin-Opener-Policy", "unsafe-none")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileVaultedSite(t, func(o *demo.Options) { o.VaultOptions = append(o.VaultOptions, tc.options...) })
			p := s.open(hostilePage)
			record(p)
			inGesture(p, `
				const realOpen = window.open;
				window.open = (...args) => { window.openedName = args[1]; return window.popup = Reflect.apply(realOpen, window, args); };
				window.outcome = 'pending';
				window.fromPopup = [];
				addEventListener('message', (event) => { if (![window, frameElement().contentWindow].includes(event.source)) fromPopup.push(event.origin); });
				tokenvault.login({ client: 'vaulted', mode: 'popup', returnTo: `+js(homePage)+` })
					.then(() => { outcome = 'ok'; }, (error) => { outcome = error.code; });`)
			popup := s.pageOf(p, s.AuthURL)
			request := s.atAuthorize(popup)
			assert.Equal(t, !tc.cut, eval[bool](popup, `return window.opener !== null`))

			got := eval[map[string]string](p, `
				const read = (get) => { try { return String(get()); } catch (error) { return error.name; } };
				const { port1, port2 } = new MessageChannel();
				return {
					closed: read(() => popup.closed),
					href: read(() => popup.location.href), document: read(() => popup.document.URL), name: read(() => popup.name),
					storage: read(() => popup.sessionStorage.length), opener: read(() => popup.opener),
					post: read(() => popup.postMessage({ v: '1', type: 'call', call: 'status', client: 'vaulted' }, '*', [port2])),
				};`)
			assert.Equal(t, map[bool]string{true: "true", false: "false"}[tc.cut], got["closed"])
			for _, way := range []string{"document", "storage"} {
				assert.Contains(t, []string{"SecurityError", "TypeError"}, got[way], way)
			}
			for way, value := range got {
				assert.NotContains(t, value, request.Get("state"), way)
			}

			// Forged ends of the sign-in, for the client in the page and for the frame.
			forged := eval[[]string](p, `
				const handle = openedName.slice('tokenvault-'.length);
				const answers = [];
				for (const call of ['login', 'confirm', 'callback', 'abandon', 'signed-out', 'frontchannel-logout']) {
					answers.push(...await knock({ v: '1', type: 'call', call, client: 'vaulted' }));
					answers.push(...await knock({ v: '1', type: 'call', call, client: 'vaulted', handle, outcome: 'ok' }));
				}
				answers.push(...await knock({ v: '1', type: 'event', event: 'login', client: 'vaulted', handle, outcome: 'ok' }));
				for (const name of ['tokenvault', 'tokenvault-vaulted', openedName]) {
					const channel = new BroadcastChannel(name);
					for (const event of ['login', 'signedin', 'signedout']) {
						channel.postMessage({ client: 'vaulted', event, handle, outcome: 'ok' });
						channel.postMessage(['vaulted', event, 'handle', handle, 'outcome', 'ok'].join('\n'));
					}
				}
				postMessage({ v: '1', type: 'event', event: 'login', client: 'vaulted', handle, outcome: 'ok' });
				await fence();
				return answers;`)
			assert.Len(t, forged, 12, "each call is answered, and no event")
			for _, each := range forged {
				assert.Contains(t, each, `"error","invalid_request"`)
			}
			assert.Equal(t, "pending", eval[string](p, `return outcome`), "nobody but the vault ends the sign-in")

			if tc.cut {
				eval[any](p, `
					try { popup.location = '/e2e/plain.html?led'; } catch {}
					try { popup.close(); } catch {}
					await fence();`)
				assert.Equal(t, request.Get("state"), s.atAuthorize(popup).Get("state"), "the window stays where it is")
				s.IDP.ClearRequests()
				s.fillSignIn(popup)
				p.until(`outcome !== 'pending'`)
				assert.Equal(t, "ok", eval[string](p, `return outcome`), "control: the vault does")
				assert.Equal(t, []string{}, eval[[]string](p, `return fromPopup`), "the window posts nothing")
				assert.Contains(t, eval[[]string](p, `return events`), "signedin vaulted")
				assert.Equal(t, "Alice Liddell", holder(p))
				s.canary(p)
				return
			}
			eval[any](p, `popup.location = '/e2e/plain.html?led'`)
			seen(popup, `location.search === '?led'`) // control: the script leads the window
			closeWindow(popup)
		})
	}
}

// TestHostileSignInFromAnotherSite leads the user to the vault's pages from a site of
// the attacker's, and frames them there. Nobody is signed out by it, no sign-in begins
// that login() would not, and one that begins is the user's own.
func TestHostileSignInFromAnotherSite(t *testing.T) {
	t.Parallel()
	evil := newWitness(t)
	s := newHostileVaultedSite(t)
	app := s.signInHostileAtVault()
	// A ticket that nobody has used, of a session that is over.
	out := eval[[]string](app, `
		const { port1, port2 } = new MessageChannel();
		const answer = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
		frameElement().contentWindow.postMessage({ v: '1', type: 'call', call: 'logout', client: 'vaulted', everywhere: 'true' }, vaultOrigin(), [port2]);
		return answer;`)
	ticket := out[len(out)-1]
	require.Contains(t, ticket, "#ticket=")
	login(app, `returnTo: "`+homePage+`#back"`)
	returned(app)
	p := s.open("/e2e/plain.html")
	from := evil.at(evilHost) + "/e2e/plain.html"
	follow := func(to string) {
		p.visit(from)
		inGesture(p, `setTimeout(() => { location = `+js(to)+`; })`)
	}
	s.IDP.ClearRequests()
	for _, fragment := range []string{
		"", "client=vaulted", "ticket=", "ticket=made-up", "ticket=made-up&return_to=" + url.QueryEscape(from),
	} {
		follow(s.VaultURL + "/logout.html#" + fragment)
		vaultShows(p, "signed-out")
	}
	follow(s.VaultURL + "/signed-out.html?state=made-up")
	vaultShows(p, "signed-out")
	assert.Zero(t, s.requestsTo("/logout"), "the server hears of no sign-out")
	assert.True(t, hasVaulted(app), "nobody is signed out")

	follow(s.VaultURL + "/login.html#client=vaulted&return_to=" + url.QueryEscape(from))
	vaultShows(p, "request")
	assert.Zero(t, s.requestsTo("/authorize"))
	follow(s.VaultURL + "/login.html#client=vaulted&return_to=" + url.QueryEscape(homePage+"#back"))
	returned(p)
	assert.Equal(t, "Alice Liddell", holder(p), "a sign-in from elsewhere is the user's own")

	// Front-channel logout: whoever frames the page, only the server is heard, and only
	// with the session that it means.
	said := func(iss, sid string) string {
		return s.VaultURL + "/frontchannel-logout.html?" + url.Values{"iss": {iss}, "sid": {sid}}.Encode()
	}
	sid := claimOf(t, s.token(devidp.IDToken), "sid")
	good := said(s.AuthURL, sid)
	p.visit(from)
	for name, at := range map[string]*tab{"another site": p, "the app": app} {
		eval[any](at, codeThief+`return framed(`+js(good)+`)`)
		assert.True(t, hasVaulted(app), "framed by %s", name)
	}
	p.visit(good) // in a window of its own
	vaultShows(p, "request")
	assert.True(t, hasVaulted(app), "in a window")

	p.visit(s.AuthURL + "/.well-known/openid-configuration")
	frameIt := func(src string) {
		eval[any](p, `
			document.querySelector('iframe')?.remove();
			const frame = document.createElement('iframe');
			frame.src = `+js(src)+`;
			document.body.append(frame);`)
		require.Eventually(t, func() bool { return len(s.targets("iframe", s.VaultURL+"/frontchannel-logout.html")) == 1 }, patience, patience/1000)
		frame := s.attach(p, s.targets("iframe", s.VaultURL+"/frontchannel-logout.html")[0])
		vaultShows(frame, "signed-out")
		eval[any](p, `document.querySelector('iframe').remove()`)
		require.Eventually(t, func() bool { return len(s.targets("iframe", s.VaultURL+"/frontchannel-logout.html")) == 0 }, patience, patience/1000)
	}
	for _, row := range [][2]string{{"", ""}, {s.AuthURL, ""}, {"", sid}, {s.AuthURL, "another"}, {s.AuthURL + "/", sid}, {s.AuthURL + "/am/oauth2/realms/root", sid}} {
		frameIt(said(row[0], row[1]))
		assert.True(t, hasVaulted(app), "the server names %q", row)
	}
	frameIt(good)
	assert.False(t, hasVaulted(app), "control: the server names the session")

	follow(ticket)
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/logout" }) // control: the ticket was good
}
