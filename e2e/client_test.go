package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/debugger"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

func TestClientMethodsRejectWithTypedErrors(t *testing.T) {
	t.Parallel()
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

// The frame's program is stopped in the debugger, at the first call that reaches
// it: the frame is there, and says nothing. It is not parallel: the deadline is short.
func TestClientMethodsEndWhenTheFrameIsSilent(t *testing.T) {
	s := newSite(t, configured(func(c *demo.Configuration) { c.RequestTimeout = "1500ms" }))
	p := s.open("/e2e/blank.html")
	eval[any](p, `await tokenvault.ready`)
	require.False(t, has(p), "control: it answers before")
	vault, apart := s.frameOf(p)
	require.True(t, apart, "a frame in the page's process would stop the page too")
	stopped := make(chan struct{}, 1)
	require.NoError(t, chromedp.Listen(vault.ctx, func(event any) {
		if _, ok := event.(*debugger.EventPaused); ok {
			stopped <- struct{}{}
		}
	}))
	call(vault, debugger.Enable, debugger.EnableParams{})
	call(vault, debugger.Pause, cdp.Empty{})

	got := eval[[]reply](p, `
		window.events = [];
		tokenvault.on("error", ({ error }) => events.push(error.code));
		const store = tokenvault.client({ forgerock: { clientId: "demo-app" } }).store();
		const calls = [tokenvault.has("main"), tokenvault.status("main"), tokenvault.refresh("main"), store.get()];
		return Promise.all(calls.map((call) => call.then(
			(value) => ({ message: "answered " + JSON.stringify(value) }),
			(error) => ({ thrown: error.name, code: error.code, message: error.message }))))`)

	want := reply{Thrown: "TokenVaultError", Code: "vault_timeout", Message: "The vault did not answer within 1.5 seconds. Reload the page."}
	assert.Equal(t, []reply{want, want, want, want}, got)
	assert.Equal(t, []string{want.Code, want.Code, want.Code, want.Code}, eval[[]string](p, `return events`))
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("no call reached the frame, so it was not the frame that was silent")
	}
	call(vault, debugger.Resume, debugger.ResumeParams{})
	call(vault, debugger.Disable, cdp.Empty{})
	assert.False(t, has(p), "it was alive")
}

func TestListenersAreToldUntilTheyStop(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	eval[any](p, `
		window.first = tokenvault;
		window.firstFetch = fetch;
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
	assert.True(t, eval[bool](p, `return fetch === window.firstFetch`), "requests are watched once")
	s.mustServe(p)
	s.canary(p)
}
