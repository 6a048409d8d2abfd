package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// What the vault answers to a window message.
const (
	silence   = ""
	adopted   = `port: {"type":"ready"}`
	toldApart = `window: {"type":"version-mismatch","v":"1"}`
)

// TestForgedWindowMessagesAreDropped posts messages from the page that really embeds
// the vault, so nothing but their form is wrong. The honest rows are the control.
func TestForgedWindowMessagesAreDropped(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	const refused = `port: ["error","invalid_request"`
	for _, row := range []struct{ name, knock, want string }{
		{"control: an honest connect", `{ v: '1', type: 'connect', epoch: 'e' }`, adopted},
		{"control: an honest call", `{ v: '1', type: 'call', call: 'status', client: 'main' }`, `port: ["ok","signedIn","true"`},

		{"of another version", `{ v: '2', type: 'connect', epoch: 'e' }`, toldApart},
		{"of another version, a call", `{ v: '', type: 'call', call: 'status', client: 'main' }`, toldApart},
		{"of a version that only looks right", `{ v: '1 ', type: 'connect', epoch: 'e' }`, toldApart},
		{"of a version that is a number", `{ v: 1, type: 'connect', epoch: 'e' }`, silence},
		{"without a version", `{ type: 'connect', epoch: 'e' }`, silence},
		{"with a version by the prototype", `{ __proto__: { v: '1' }, type: 'connect', epoch: 'e' }`, silence},
		{"of an unknown type", `{ v: '1', type: 'getTokens' }`, silence},
		{"of a type of the ports", `{ v: '1', type: 'fetch', id: '1', method: 'GET', url: '` + s.APIURL + `/v1/echo' }`, silence},
		{"of a type that Object has", `{ v: '1', type: 'constructor', epoch: 'e' }`, silence},
		{"connect without a port", `{ v: '1', type: 'connect', epoch: 'e' }, { ports: 0 }`, silence},
		{"connect with two ports", `{ v: '1', type: 'connect', epoch: 'e' }, { ports: 2 }`, silence},
		{"connect without an epoch", `{ v: '1', type: 'connect' }`, silence},
		{"connect with an epoch that is no string", `{ v: '1', type: 'connect', epoch: 7 }`, silence},
		{"connect with an endpoint", `{ v: '1', type: 'connect', epoch: 'e', token: '` + s.AppURL + `/steal' }`, silence},
		{"connect with a configuration", `{ v: '1', type: 'connect', epoch: 'e', config: { app: '*' } }`, silence},
		{"connect with a body", `{ v: '1', type: 'connect', epoch: 'e', body: new ArrayBuffer(8) }`, silence},
		{"connect with a key of the prototype", `JSON.parse('{"v":"1","type":"connect","epoch":"e","__proto__":"x"}')`, silence},
		{"connect with an object of the prototype", `JSON.parse('{"v":"1","type":"connect","epoch":"e","__proto__":{"polluted":"x"}}')`, silence},

		{"call without a port", `{ v: '1', type: 'call', call: 'status', client: 'main' }, { ports: 0 }`, silence},
		{"call with two ports", `{ v: '1', type: 'call', call: 'status', client: 'main' }, { ports: 2 }`, silence},
		{"call of an unknown operation", `{ v: '1', type: 'call', call: 'getTokens', client: 'main' }`, refused},
		{"call of no operation", `{ v: '1', type: 'call', client: 'main' }`, refused},
		{"call for an unknown client", `{ v: '1', type: 'call', call: 'status', client: 'mallory' }`, `port: ["error","unknown_client"`},
		{"call for a client of the prototype", `{ v: '1', type: 'call', call: 'status', client: '__proto__' }`, `port: ["error","unknown_client"`},
		{"call with an endpoint", `{ v: '1', type: 'call', call: 'refresh', client: 'main', endpoint: '` + s.AppURL + `/steal' }`, refused},
		{"call with a redaction", `{ v: '1', type: 'call', call: 'status', client: 'main', redact: '' }`, refused},
		{"call with a configuration", `{ v: '1', type: 'call', call: 'status', client: 'main', config: {} }`, silence},
		{"call with a body", `{ v: '1', type: 'call', call: 'status', client: 'main', body: new ArrayBuffer(8) }`, silence},
		{"call with a key of the prototype", `JSON.parse('{"v":"1","type":"call","call":"status","client":"main","__proto__":"x"}')`, refused},

		{"a string", `'{"v":"1","type":"connect","epoch":"e"}'`, silence},
		{"a number", `1`, silence},
		{"null", `null`, silence},
		{"undefined", `undefined`, silence},
		{"an array", `['1', 'connect', 'e']`, silence},
		{"a map", `new Map([['v', '1'], ['type', 'connect'], ['epoch', 'e']])`, silence},
		{"an error", `Object.assign(new Error('v'), { v: '1', type: 'connect', epoch: 'e' })`, silence},
		{"boxed strings", `{ v: new String('1'), type: new String('connect'), epoch: new String('e') }`, silence},
		{"bytes", `new Uint8Array(64)`, silence},
		{"a blob", `new Blob(['{"v":"1"}'])`, silence},
		{"a picture", `new ImageData(4, 4)`, silence},
		{"a circle", `(() => { const o = { v: '1', type: 'connect', epoch: 'e' }; o.o = o; return o; })()`, silence},
		{"a stream", `...(() => { const o = new ReadableStream(); return [o, { transfer: [o] }]; })()`, silence},
		{"an object of 100000 keys", `Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => ['k' + i, 'x']))`, silence},
		{"a version of 64 MB", `{ v: '1'.repeat(64e6), type: 'connect', epoch: 'e' }`, silence},
		{"a key of 64 MB", `{ v: '1', type: 'connect', epoch: 'e', ['k'.repeat(64e6)]: '' }`, silence},
	} {
		got := strings.Join(eval[[]string](p, `return knock(`+row.knock+`)`), "\n")
		if row.want == silence {
			assert.Empty(t, got, row.name)
		} else {
			assert.Truef(t, strings.HasPrefix(got, row.want), "%s: %s", row.name, got)
		}
		s.noToken(got, row.name)
	}
	assert.True(t, eval[bool](p, `return tokenvault.has('main')`), "the vault works on")
	assert.EqualValues(t, 200, eval[int](p, `return (await fetch(`+js(s.APIURL+"/v1/whoami")+`)).status`))
}

// TestOnlyTheEmbeddingPageIsHeard posts an honest message from other windows. The
// control is the same message from the page itself.
func TestOnlyTheEmbeddingPageIsHeard(t *testing.T) {
	t.Parallel()
	evil := newWitness(t)
	s := newHostileSite(t)
	p := s.signInHostile()
	eval[any](p, `
		window.child = document.createElement('iframe');
		document.body.append(child);
		window.attacker = document.createElement('iframe');
		attacker.src = `+js(evil.at(evilHost)+"/e2e/hostile-frame.html")+`;
		window.sandboxed = document.createElement('iframe');
		sandboxed.sandbox = 'allow-scripts';
		sandboxed.src = '/e2e/hostile-frame.html';
		for (const frame of [attacker, sandboxed]) {
			const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
			document.body.append(frame);
			await loaded;
		}
		const indexOf = (target) => Array.from({ length: frames.length }, (_, i) => frames[i]).indexOf(target);
		window.by = (frame) => (relay, origin, ports) => {
			frame.contentWindow.postMessage({ relay, origin, to: indexOf(frameElement().contentWindow) }, '*', ports);
			return new Promise((resolve) => addEventListener('message', function listen({ data }) {
				if (data !== 'relayed') return;
				removeEventListener('message', listen);
				resolve();
			}));
		};
		window.byChild = (...rest) => {
			const post = child.contentWindow.Function('target', 'rest', 'target.postMessage(...rest)');
			post(frameElement().contentWindow, rest);
		};
		// knock with a post that takes time: by another process.
		window.knockBy = async (message, post) => {
			const answers = [];
			const { port1, port2 } = new MessageChannel();
			port1.onmessage = ({ data }) => answers.push(textOf(data));
			await post(message, vaultOrigin(), [port2]);
			await fence();
			await fence();
			return answers;
		};`)
	connect, call := `{ v: '1', type: 'connect', epoch: 'e' }`, `{ v: '1', type: 'call', call: 'remove', client: 'main' }`
	for _, row := range []struct{ name, post string }{
		{"a child frame of the app's own origin", `byChild`},
		{"a frame of another site in the app's page", `by(attacker)`},
		{"a frame of no origin in the app's page", `by(sandboxed)`},
	} {
		assert.Empty(t, eval[[]string](p, `return knockBy(`+connect+`, `+row.post+`)`), row.name)
		assert.Empty(t, eval[[]string](p, `return knockBy(`+call+`, `+row.post+`)`), row.name)
	}
	page := `async (...rest) => frameElement().contentWindow.postMessage(...rest)`
	assert.True(t, eval[bool](p, `return tokenvault.has('main')`), "nobody has signed the user out")
	assert.Len(t, eval[[]string](p, `return knockBy(`+connect+`, `+page+`)`), 1, "control: the page itself is heard")
	eval[[]string](p, `return knockBy(`+call+`, `+page+`)`)
	p.until(`tokenvault.has('main').then((has) => { window.gone = !has; }) && window.gone === true`) // control: it has signed the user out
}

// TestMessagesBeforeTheStartAreTheAppsAlone floods the frame from another site while
// its program loads. The app's own message has to find its place.
func TestMessagesBeforeTheStartAreTheAppsAlone(t *testing.T) {
	t.Parallel()
	evil := newWitness(t)
	s := newHostileSite(t)
	p := s.open("/e2e/plain.html")
	answers := eval[[]string](p, `
		const attacker = document.createElement('iframe');
		attacker.src = `+js(evil.at(evilHost)+"/e2e/hostile-frame.html")+`;
		const vault = document.createElement('iframe');
		vault.src = `+js(s.VaultURL+"/proxy.html")+`;
		const loaded = new Promise((resolve) => attacker.addEventListener('load', resolve));
		document.body.append(attacker, vault);
		const ready = new Promise((resolve) => addEventListener('message', ({ origin, data }) => {
			if (origin === `+js(s.VaultURL)+` && data.type === 'ready') resolve();
		}));
		await loaded;
		await ready;
		const relayed = new Promise((resolve) => addEventListener('message', ({ data }) => {
			if (data === 'relayed') resolve();
		}));
		attacker.contentWindow.postMessage({ relay: { v: '1', type: 'connect', epoch: 'evil' }, to: 1, origin: '*', times: 300 }, '*');
		await relayed;
		const { port1, port2 } = new MessageChannel();
		const answer = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
		vault.contentWindow.postMessage({ v: '1', type: 'call', call: 'status', client: 'main' }, `+js(s.VaultURL)+`, [port2]);
		return answer;`)
	assert.Equal(t, []string{"ok", "signedIn", "false"}, answers)
}

// outcome is what the vault made of a forged fetch message.
type outcome struct {
	Type, Body, Headers, URL string
	Status                   int
}

// code is the error code of a refusal.
func (o outcome) code() string {
	rest, refused := strings.CutPrefix(o.Body, `{"error":"`)
	if !refused {
		return ""
	}
	code, _, _ := strings.Cut(rest, `"`)
	return code
}

// TestForgedFetchMessagesAreRefused sends messages over a port of the attacker's own.
// Each row changes one thing in a message that is answered with 200: the control.
func TestForgedFetchMessagesAreRefused(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	url := s.APIURL + "/v1/whoami"
	eval[any](p, `window.line = await new Line().ready`)
	type want struct {
		kind   string
		status int
		code   string
	}
	var (
		honest   = want{"head", 200, ""}
		invalid  = want{"head", 400, "invalid_request"}
		method   = want{"head", 403, "method_not_allowed"}
		badURL   = want{"head", 400, "url_refused"}
		failed   = want{"fail", 0, ""}
		bypassed = want{"bypass", 0, ""}
		nothing  = want{"nothing", 0, ""}
	)
	for _, row := range []struct {
		name, change string
		want         want
	}{
		{"control: nothing changed", `{}`, honest},
		{"control: settings of an honest fetch", `{ credentials: 'include', redirect: 'follow', keepalive: 'false' }`, honest},

		{"a token endpoint of the attacker's", `{ token: 'https://evil.example/token' }`, invalid},
		{"an endpoint", `{ endpoint: 'https://evil.example' }`, invalid},
		{"a table", `{ table: '' }`, invalid},
		{"a configuration", `{ config: { clients: [] } }`, nothing},
		{"a client", `{ client: 'ping' }`, invalid},
		{"a scope", `{ scope: 'admin' }`, invalid},
		{"a mode", `{ mode: 'no-cors' }`, invalid},
		{"a referrer", `{ referrer: 'https://evil.example' }`, invalid},
		{"a redaction", `{ redact: '' }`, invalid},
		{"a field that says not to scrub", `{ scrub: '0' }`, invalid},
		{"a key of the prototype", `JSON.parse('{"__proto__":"x"}')`, invalid},
		{"an object as the prototype", `JSON.parse('{"__proto__":{"scrub":"0"}}')`, nothing},
		{"a constructor", `{ constructor: 'x' }`, invalid},
		{"an empty key", `{ '': '' }`, invalid},
		{"a key with a lone surrogate", `{ '\ud800': '' }`, invalid},
		{"a body that is a string", `{ body: 'x' }`, nothing},
		{"a body that is a view", `{ body: new Uint8Array(4) }`, nothing},
		{"a body that is a buffer", `{ body: new ArrayBuffer(4) }`, nothing},
		{"a body for GET", `{ body: new Blob(['x']) }`, failed},

		{"another version", `{ v: '2' }`, invalid},
		{"a version that is a number", `{ v: 1 }`, nothing},
		{"another type", `{ type: 'FETCH' }`, nothing},
		{"a type that is an array", `{ type: ['fetch'] }`, nothing},
		{"a number for an id", `{ id: 7 }`, nothing},
		{"no id", `{ id: undefined }`, nothing},
		{"no URL", `{ url: undefined }`, nothing},
		{"an array for a URL", `{ url: [` + js(url) + `] }`, nothing},
		{"an empty URL", `{ url: '' }`, bypassed},
		{"a fragment", `{ url: ` + js(url+"#x") + ` }`, badURL},
		{"credentials in the URL", `{ url: ` + js(strings.Replace(url, "://", "://a:b@", 1)) + ` }`, badURL},
		{"a line feed in the URL", `{ url: ` + js(strings.Replace(url, "/v1", "/v\n1", 1)) + ` }`, badURL},
		{"a blob URL", `{ url: ` + js("blob:"+url) + ` }`, badURL},
		{"a filesystem URL", `{ url: ` + js("filesystem:"+s.APIURL+"/temporary/v1/whoami") + ` }`, badURL},
		{"a data URL", `{ url: ` + js("data:text/plain,"+url) + ` }`, badURL},

		{"method TRACE", `{ method: 'TRACE' }`, method},
		{"method CONNECT", `{ method: 'CONNECT' }`, method},
		{"method OPTIONS", `{ method: 'OPTIONS' }`, method},
		{"method get", `{ method: 'get' }`, method},
		{"method patch", `{ method: 'patch' }`, method},
		{"no method", `{ method: '' }`, invalid},
		{"a method with a line end", `{ method: 'GET\r\nX: y' }`, invalid},
		{"a method with NUL", `{ method: 'GET\0' }`, invalid},
		{"a method with a space", `{ method: 'GET / HTTP/1.1' }`, invalid},
		{"a method that is no ASCII", `{ method: 'ＧＥＴ' }`, invalid},

		{"a header with CR", `{ headers: 'x-a\nb\r\n' }`, invalid},
		{"a header with NUL", `{ headers: 'x-a\nb\0\n' }`, invalid},
		{"a name with CR", `{ headers: 'x-a\r\nb\n' }`, invalid},
		{"a name with a colon", `{ headers: 'x-a: b\nc\n' }`, invalid},
		{"a name with a space", `{ headers: 'authorization \nBearer mine\n' }`, invalid},
		{"a name without a value", `{ headers: 'x-a\n' }`, invalid},
		{"a value without an end", `{ headers: 'x-a\nb' }`, invalid},
		{"no name", `{ headers: '\nb\n' }`, invalid},
		{"a name that is no ASCII", `{ headers: 'ａuthorization\nb\n' }`, invalid},
		{"a value that is no byte string", `{ headers: 'x-a\n令\n' }`, failed},

		{"credentials of no known kind", `{ credentials: 'always' }`, invalid},
		{"a cache mode, which is the vault's to choose", `{ cache: 'force-cache' }`, invalid},
		{"integrity, which would tell of bytes that do not pass", `{ integrity: 'sha256-x' }`, invalid},
		{"a redirect mode of no known kind", `{ redirect: 'always' }`, invalid},
		{"a manual redirect", `{ redirect: 'manual', url: ` + js(s.APIURL+"/v1/redirect") + ` }`, want{"redirect", 0, ""}},
		{"a redirect where none is wanted", `{ redirect: 'error', url: ` + js(s.APIURL+"/v1/redirect") + ` }`, failed},

		{"a URL of 16 MB", `{ url: ` + js(url) + ` + '?' + 'a'.repeat(16e6) }`, nothing},
		{"headers of 16 MB", `{ headers: 'x-a\n' + 'a'.repeat(16e6) + '\n' }`, nothing},
		{"100000 keys", `Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => ['k' + i, 'x']))`, invalid},
	} {
		message := `{ url: ` + js(url) + `, ...` + row.change + ` }`
		ask := `line.ask(` + message + `)`
		if row.want == nothing {
			ask = `line.try(` + message + `, ` + js(url) + `)`
		}
		got := eval[outcome](p, `return `+ask)
		assert.Equal(t, row.want, want{got.Type, got.Status, got.code()}, "%s: %s", row.name, got.Body)
	}
	s.noToken(eval[string](p, `return heard.join('\n')`), "the answers")
	s.tokensWentOnlyTo()
	assert.EqualValues(t, 200, eval[int](p, `return (await fetch(`+js(url)+`)).status`), "the vault works on")
}

// TestAppsHeadersDoNotIdentifyTheUser sends, over an own port, the headers that are
// the vault's or the browser's to set. The control is a header that arrives.
func TestAppsHeadersDoNotIdentifyTheUser(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	dropped := []string{
		"DPoP", "Cookie", "Cookie2", "Set-Cookie", "Proxy-Authorization", "X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "Sec-Fetch-Mode", "Sec-Evil", "Via", "TE", "Upgrade", "Expect", "Trailer", "DNT", "Date",
	}
	headers := "x-custom\nkept\nauthorization\nBearer mine\nAUTHORIZATION\nBasic bWluZQ==\nhost\nevil.example\norigin\nhttps://evil.example\nreferer\nhttps://evil.example\n"
	for _, name := range dropped {
		headers += name + "\nmine\n" + strings.ToUpper(name) + "\nmine\n"
	}
	s.IDP.ClearRequests()
	got := eval[outcome](p, `
		const line = await new Line().ready;
		return line.ask({ url: `+js(s.APIURL+"/v1/whoami")+`, credentials: 'include', headers: `+js(headers)+` })`)
	assert.Equal(t, 200, got.Status, got.Body)
	var seen devidp.Request
	for _, r := range s.IDP.Requests() {
		if r.Path == "/v1/whoami" && r.Method == "GET" {
			seen = r
		}
	}
	assert.Equal(t, "kept", seen.Header.Get("X-Custom"), "control: headers of the message arrive")
	assert.Equal(t, []string{"Bearer " + s.token(devidp.AccessToken)}, seen.Header.Values("Authorization"))
	assert.Equal(t, s.VaultURL, seen.Header.Get("Origin"))
	assert.Empty(t, seen.Header.Get("Referer"))
	assert.Equal(t, s.APIURL, "http://"+seen.Host)
	for _, name := range dropped {
		assert.NotContains(t, strings.Join(seen.Header.Values(name), ","), "mine", name)
	}
}

// TestRequestsBelongToTheirPort cancels and answers for requests of another port, and
// uses an id twice. The control is a cancel by the port itself.
func TestRequestsBelongToTheirPort(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	slow := s.APIURL + "/v1/slow?ms=500"
	type result struct{ Foreign, Twice, Own outcome }
	got := eval[result](p, `
		const one = await new Line().ready;
		const two = await new Line().ready;
		const url = `+js(slow)+`;
		const begin = (line, id) => {
			const answer = line.ask({ url, id });
			const message = { v: '1', type: 'cancel', id };
			return { answer, message };
		};
		const foreign = begin(one, 'same');
		two.port.postMessage(foreign.message);
		two.port.postMessage({ v: '1', type: 'pull', id: 'same' });
		two.port.postMessage({ ...foreign.message, endpoint: 'x' });
		const twice = begin(two, 'twice');
		two.port.postMessage({ v: '1', type: 'fetch', id: 'twice', method: 'GET', url: `+js(s.APIURL+"/v1/text")+` });
		const own = begin(two, 'own');
		two.port.postMessage(own.message);
		return { foreign: await foreign.answer, twice: await twice.answer, own: await own.answer };`)
	assert.Equal(t, 200, got.Foreign.Status, "another port's cancel does nothing")
	assert.Contains(t, got.Twice.Body, "waited_ms", "an id that is in use is not taken again")
	assert.NotContains(t, got.Twice.Body, "Plain text")
	assert.Equal(t, "fail", got.Own.Type, "control: a cancel of its own is obeyed")
}

// TestFloodOfMessagesLosesNothing posts 10000 messages of each kind, and asks for a
// protected resource among them.
func TestFloodOfMessagesLosesNothing(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	status := eval[int](p, `
		const line = await new Line().ready;
		const target = frameElement().contentWindow;
		let answered;
		for (let i = 0; i < 10_000; i++) {
			target.postMessage({ v: '1', type: 'connect', epoch: 'e' + i, junk: 'x' }, '*');
			target.postMessage({ v: '1', type: 'epoch-ended', epoch: 'e' + i }, '*');
			line.port.postMessage({ v: '1', type: 'fetch', id: 'f' + i, method: 'GET', url: 'https://evil.example/', headers: '' });
			line.port.postMessage({ v: '1', type: 'cancel', id: 'nobody' + i });
			if (i === 5000) answered = fetch(`+js(s.APIURL+"/v1/whoami")+`);
		}
		await fence();
		return (await answered).status;`)
	assert.Equal(t, 200, status)
	require.True(t, eval[bool](p, `return tokenvault.has('main')`))
	s.noToken(eval[string](p, `return heard.join('\n')`), "the answers")
}
