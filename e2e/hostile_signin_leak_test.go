package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// seenByApp is all that a script of the app knows of where its window has been.
const seenByApp = `
	const worker = await new Promise((resolve) => {
		const { port1, port2 } = new MessageChannel();
		port1.onmessage = ({ data }) => resolve(data);
		navigator.serviceWorker.controller.postMessage('requests?', [port2]);
	});
	return [
		...performance.getEntries().map((entry) => JSON.stringify(entry)), document.referrer, location.href, name,
		JSON.stringify(history.state), ...navigation.entries().map(({ url }) => String(url)),
		...Object.entries(sessionStorage).flat(), ...Object.entries(localStorage).flat(), document.cookie, ...worker,
	].join('\n');`

// requestRecorder is a worker of the attacker's in the place of ours: it keeps the URL
// and the referrer of every request, navigations among them.
const requestRecorder = `
	const requests = [];
	addEventListener('fetch', ({ request: { url, referrer } }) => requests.push(url, referrer));
	addEventListener('message', ({ data, ports }) => data === 'requests?' && ports[0].postMessage(requests));
	importScripts('/interceptor.js');`

// TestHostileSignInLeavesNoURL looks for what the authorization requests and responses
// were made of, in all that a script knows of where its window has been: state, nonce,
// challenge, code. Who had a request could have a code for himself bound to it. The
// control is a sign-in by the app, in the same page, whose code its worker sees.
func TestHostileSignInLeavesNoURL(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t, func(o *demo.Options) {
		o.Mounts["/recorder.js"] = noPolicy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			if _, err := w.Write([]byte(requestRecorder)); err != nil {
				panic(http.ErrAbortHandler) // the client is gone
			}
		}))
	}, configured(func(c *demo.Configuration) { c.App.Worker = "/recorder.js" }))
	// leaked names what was found of the requests since the log was cleared.
	leaked := func(text, client string) (found []string) {
		searched := 0
		for _, r := range s.IDP.Requests() {
			query, err := url.ParseQuery(r.Query)
			require.NoError(t, err)
			if r.Path != "/authorize" || query.Get("client_id") != client {
				continue
			}
			for _, name := range []string{"state", "nonce", "code_challenge"} {
				if value := query.Get(name); value != "" {
					searched++
					if strings.Contains(text, value) {
						found = append(found, name)
					}
				}
			}
		}
		require.Positive(t, searched, "there is something to search for")
		for _, token := range s.IDP.Issued() {
			if token.Kind == devidp.CodeToken && token.ClientID == client && strings.Contains(text, token.Value) {
				found = append(found, "code")
			}
		}
		return found
	}

	p := s.signInHostileAtVault() // by a redirect
	text := eval[string](p, seenByApp)
	assert.Contains(t, text, s.AppURL+hostilePage, "control: the app's own pages are there")
	assert.Empty(t, leaked(text, demo.VaultedClientID), "after a redirect")

	eval[any](p, `await tokenvault.remove("vaulted")`)
	inGesture(p, `window.over = tokenvault.login({ client: 'vaulted', mode: 'popup', returnTo: `+js(homePage)+` })`)
	eval[any](p, `await over`)
	text = eval[string](p, seenByApp) + strings.Join(p.Console(), "\n")
	assert.Empty(t, leaked(text, demo.VaultedClientID), "after a popup")
	assert.Empty(t, s.codesIn(text))
	s.canary(p)

	s.IDP.EndSessions()
	p.visit(s.AppURL + hostilePage)
	s.signInOn(p)
	assert.Contains(t, leaked(eval[string](p, seenByApp), demo.MainClientID), "code", "control: the code of a sign-in by the app")
}
