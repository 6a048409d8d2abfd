package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// recordingWorker is a service worker of the attacker's, in the place of ours: it
// does our work by our own script, and records every message that it gets.
const recordingWorker = "/hostile-worker.js"

func withRecordingWorker(t testing.TB) func(*demo.Options) {
	t.Helper()
	recorder, err := os.ReadFile("pages/hostile-recorder.js")
	require.NoError(t, err)
	script := append(recorder, `
		addEventListener('install', () => skipWaiting());
		addEventListener('activate', (event) => event.waitUntil(clients.claim()));
		importScripts('/interceptor.js');`...)
	return func(o *demo.Options) {
		o.Mounts[recordingWorker] = noPolicy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			if _, err := w.Write(script); err != nil {
				panic(http.ErrAbortHandler) // the client is gone
			}
		}))
		configure := o.Configure
		o.Configure = func(c *demo.Configuration) {
			if configure != nil {
				configure(c)
			}
			c.App.Worker = recordingWorker
		}
	}
}

// loot is every message that the page and the worker have received.
func (s *site) loot(p *tab) string {
	s.t.Helper()
	workers := s.workers(p)
	require.Len(s.t, workers, 1)
	return eval[string](p, `return loot.join('\n')`) + "\n" + eval[string](workers[0], `return loot.join('\n')`)
}

// TestNoMessageToTheAppHasAToken records, in a page and a worker that are the
// attacker's, every message of a whole session: sign-in, echoes, renewal, sign-out.
func TestNoMessageToTheAppHasAToken(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t, withRecordingWorker(t))
	recorder, err := os.ReadFile("pages/hostile-recorder.js")
	require.NoError(t, err)
	p := s.open("/e2e/plain.html")
	call(p, page.Enable, page.EnableParams{})
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: string(recorder)})
	p.visit(s.AppURL + hostilePage)
	s.signInOn(p)
	session := eval[string](p, `
		const seen = [];
		const get = async (url, init) => seen.push(textOf(await readOut(await fetch(url, init))));
		const api = `+js(s.APIURL+"/v1/")+`;
		for (const as of ['json', 'escaped', 'percent', 'html', 'text', 'header', 'chunked']) await get(api + 'echo?as=' + as);
		await get(api + 'whoami', { method: 'POST', body: 'x', headers: { authorization: 'Bearer mine' } });
		await get(api + 'status/401');
		const { tokenEndpoint, clientId } = await demo;
		const refresh = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'REDACTED', client_id: clientId });
		await get(tokenEndpoint, { method: 'POST', body: refresh });
		await tokenvault.refresh('main');
		seen.push(textOf(await tokenvault.status('main')));
		return seen.join('\n');`)
	require.Positive(t, s.IDP.ExpireAccess())
	session += eval[string](p, `return textOf(await readOut(await fetch(`+js(s.APIURL+"/v1/echo")+`)))`) // renewed after a 401
	recorded := s.loot(p)
	eval[any](p, `await tokenvault.logout('main')`)
	recorded += s.loot(p)
	s.noToken(session, "the responses")
	s.noToken(unescaped(t, recorded), "the messages")
	require.GreaterOrEqual(t, s.IDP.Stats().Refreshes, 3)
	s.canary(p)

	for _, kind := range []string{"ready", "connect", "head", "chunk", "end", "event", `\"signedIn\"`, "REDACTED"} {
		assert.Contains(t, recorded, strings.ReplaceAll(kind, `\`, ""), "control: messages of this kind are recorded")
	}
	workers := s.workers(p)
	const planted = "planted-token-0123456789"
	for name, at := range map[string]*tab{"page": p, "worker": workers[0]} {
		eval[any](at, `
			const { port1, port2 } = new MessageChannel();
			const received = new Promise((resolve) => { port1.onmessage = resolve; });
			port2.postMessage({ type: 'chunk', chunk: new TextEncoder().encode(`+js(planted)+`) });
			await received;`)
		assert.Contains(t, eval[string](at, `return loot.join('\n')`), planted, "control: a token in a message to the %s is recorded", name)
	}
}

// TestHostileWorkerGainsNothing replaces the worker of a page that is signed in by the
// attacker's, which asks the vault in its own words and keeps what it gets.
func TestHostileWorkerGainsNothing(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t, func(o *demo.Options) {
		o.Mounts["/thief.js"] = noPolicy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			if _, err := fmt.Fprint(w, thief); err != nil {
				panic(http.ErrAbortHandler) // the client is gone
			}
		}))
	})
	p := s.signInHostile()
	eval[any](p, `
		for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
		const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
		await navigator.serviceWorker.register('/thief.js', { scope: '/' });
		await changed;`)
	s.canaryOf(p, func() string {
		return eval[string](p, `
			const { tokenEndpoint, clientId } = await demo;
			const ask = async (message) => {
				const { port1, port2 } = new MessageChannel();
				const answer = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
				navigator.serviceWorker.controller.postMessage(message, [port2]);
				return answer;
			};
			const form = 'content-type\napplication/x-www-form-urlencoded\n';
			const refresh = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'REDACTED', client_id: clientId });
			const { code, verifier, redirect } = await ownCode();
			const exchange = new URLSearchParams({
				grant_type: 'authorization_code', client_id: clientId, code, code_verifier: verifier, redirect_uri: location.origin + redirect,
			});
			const loot = [];
			for (const message of [
				{ method: 'GET', url: `+js(s.APIURL+"/v1/echo")+`, headers: '' },
				{ method: 'GET', url: `+js(s.APIURL+"/v1/whoami")+`, headers: 'authorization\nBearer mine\n' },
				{ method: 'POST', url: tokenEndpoint, headers: form, body: String(refresh) },
				{ method: 'POST', url: tokenEndpoint, headers: form, body: String(exchange) },
			]) loot.push(await ask(message));
			return loot.join('\n');`)
	})
}

// canaryOf runs an attack whose loot has to show that it worked, and searches it.
func (s *site) canaryOf(p *tab, attack func() string) {
	s.t.Helper()
	loot := attack()
	for _, part := range []string{"REDACTED", "token_sha256", `\"token_type\"`, "head", "end"} {
		assert.Contains(s.t, loot, part, "control: the vault did answer")
	}
	s.noToken(loot, "the loot")
	s.canary(p)
}

// thief is a worker that makes a port to the vault by the page's own client script,
// and passes on what it is told to ask.
const thief = `
	addEventListener('install', () => skipWaiting());
	addEventListener('activate', (event) => event.waitUntil(clients.claim()));
	const decoder = new TextDecoder('latin1');
	let count = 0;
	addEventListener('message', (event) => {
		const [answer] = event.ports;
		if (!answer) return;
		const { body, ...message } = event.data;
		const { port1, port2 } = new MessageChannel();
		const loot = [];
		port1.onmessage = ({ data }) => {
			loot.push(JSON.stringify(data, (_, item) => (item instanceof Uint8Array ? decoder.decode(item) : item)));
			if (data.type === 'end' || data.type === 'fail' || data.type === 'bypass') answer.postMessage(loot.join('\n'));
		};
		event.source.postMessage({ v: '1', type: 'connect', epoch: 'thief' + ++count, link: 'thief' + count }, [port2]);
		port1.postMessage({ v: '1', type: 'fetch', id: '1', ...message, ...(body && { body: new Blob([body]) }) });
	});`

// TestDirectTokenCallIsRefused redeems a code of the attacker's own without the
// vault: the worker is unregistered, and windows that it never controlled make the
// request. The control is an authorization server that admits the app's origin.
func TestDirectTokenCallIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		insecure bool
	}{
		{"as it is", false},
		{"control: the server admits the app's origin", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileSite(t, func(o *demo.Options) { o.InsecureAppCORS = tc.insecure })
			p := s.signInHostile()
			type loot struct{ Name, Text string }
			got := eval[[]loot](p, `
				for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
				const load = (element) => new Promise((resolve) => {
					element.addEventListener('load', resolve);
					document.body.append(element);
				});
				const around = document.createElement('iframe');
				around.src = '/e2e/plain.html?around';
				await load(around);
				const child = around.contentDocument.createElement('iframe');
				around.contentDocument.body.append(child);
				const xhr = (url, { method, body }) => new Promise((resolve, reject) => {
					const request = new around.contentWindow.XMLHttpRequest();
					request.open(method, url);
					request.onload = () => resolve(new Response(request.responseText));
					request.onerror = () => reject(new TypeError('network error'));
					request.send(body);
				});
				const popup = open('/e2e/plain.html?popup');
				await new Promise((resolve) => popup.addEventListener('load', resolve));
				const opaque = (url, { method, body }) => new Promise((resolve, reject) => {
					const script = 'fetch(' + JSON.stringify(url) + ', { method: "POST", body: new URLSearchParams(' + JSON.stringify(String(body)) + ') })'
						+ '.then((r) => r.text()).then((text) => postMessage(text), (error) => postMessage(String(error)))';
					const worker = new around.contentWindow.Worker('data:text/javascript,' + encodeURIComponent(script));
					worker.onmessage = ({ data }) => resolve(new Response(data));
				});
				const loot = [];
				for (const [name, send] of Object.entries({
					frame: around.contentWindow.fetch, 'frame in a frame': child.contentWindow.fetch, xhr, popup: popup.fetch, worker: opaque,
				})) {
					const { code, verifier, redirect } = await ownCode();
					try {
						const response = await redeem(code, verifier, { redirect, send });
						// The text stays where it is: only whether it is a token leaves.
						const { access_token } = JSON.parse(await response.text());
						loot.push({ name, text: access_token === 'REDACTED' ? 'redacted' : 'a token of ' + access_token.length + ' characters' });
					} catch (error) {
						loot.push({ name, text: error.name });
					}
				}
				popup.close();
				return loot;`)
			require.Len(t, got, 5)
			won := 0
			for _, l := range got {
				if tc.insecure && strings.HasPrefix(l.Text, "a token of") {
					won++
				}
				if !tc.insecure {
					assert.Contains(t, []string{"TypeError", "SyntaxError"}, l.Text, l.Name)
				}
			}
			if tc.insecure {
				assert.GreaterOrEqual(t, won, 4, "control: the same code gets tokens: %v", got)
			}
		})
	}
}
