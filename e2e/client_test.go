package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestClientMethodsRejectWithTypedErrors(t *testing.T) {
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	eval[any](p, `await tokenvault.ready`)
	for _, tc := range []struct{ script, code, message string }{
		{`await tokenvault.has()`, "unknown_client", "main, ping"},
		{`await tokenvault.has("nobody")`, "unknown_client", "main, ping"},
		{`await tokenvault.logout("nobody")`, "unknown_client", "main, ping"},
		{`await tokenvault.refresh("nobody")`, "unknown_client", "main, ping"},
		{`await tokenvault.remove("nobody")`, "unknown_client", "main, ping"},
		{`await tokenvault.has({ name: "main" })`, "invalid_argument", "string"},
		{`await tokenvault.has(null)`, "invalid_argument", "string"},
		{`await tokenvault.refresh("main")`, "not_signed_in", "main"},
		{`tokenvault.on("login", () => {})`, "invalid_argument", "signedin"},
		{`tokenvault.on("constructor", () => {})`, "invalid_argument", "signedin"},
		{`tokenvault.on("signedin")`, "invalid_argument", "function"},
		{`tokenvault.client({ proxy: { origin: "https://elsewhere.example" } })`, "invalid_argument", "elsewhere.example"},
	} {
		got := eval[reply](p, `
			try { `+tc.script+`; return {} }
			catch (error) { return { thrown: error.name, code: error.code, message: error.message } }`)
		assert.Equal(t, "TokenVaultError", got.Thrown, tc.script)
		assert.Equal(t, tc.code, got.Code, tc.script)
		assert.Contains(t, got.Message, tc.message, tc.script)
	}
	for _, script := range []string{`await tokenvault.logout("main")`, `await tokenvault.remove("demo-app")`} {
		eval[any](p, script) // with nothing to forget, nothing fails
	}
}

func TestListenersAreToldUntilTheyStop(t *testing.T) {
	s := newSite(t)
	p := s.signInWithOIDC()
	eval[any](p, `
		window.seen = [];
		tokenvault.on("refreshed", () => { throw new Error("a listener that throws") });
		window.stop = tokenvault.on("refreshed", (event) => seen.push(event));
		tokenvault.on("error", (event) => seen.push({ type: event.type, code: event.error.code }))`)
	eval[any](p, `await tokenvault.refresh("main")`)
	p.until(`seen.length === 1`)
	eval[any](p, `stop(); await tokenvault.refresh("main"); await tokenvault.has("nobody").catch(() => {})`)
	assert.Equal(t, []map[string]string{
		{"type": "refreshed", "client": "main"},
		{"type": "error", "code": "unknown_client"},
	}, eval[[]map[string]string](p, `return seen`))
	s.canary(p)
}

func TestScriptThatIsLoadedTwiceIsThereOnce(t *testing.T) {
	s := newSite(t)
	p := s.signInWithOIDC()
	eval[any](p, `
		window.first = tokenvault;
		window.refreshed = 0;
		tokenvault.on("refreshed", () => refreshed++);
		await new Promise((resolve, reject) => {
			const script = document.createElement("script");
			Object.assign(script, { src: "/tokenvault.js", onload: resolve, onerror: reject });
			document.head.append(script);
		});
		const module = await import("/tokenvault.mjs");
		window.third = module.connect();
		await third.ready;
		await tokenvault.refresh("main")`)
	p.until(`refreshed === 1`)
	assert.True(t, eval[bool](p, `return tokenvault === first && third === first`))
	assert.Equal(t, 1, eval[int](p, `return document.querySelectorAll("iframe").length`))
	assert.True(t, eval[bool](p, `return fetch.toString().includes("[native code]")`))
	s.mustServe(p)
	s.canary(p)
}
