package e2e

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// existingWorker is an app that had a service worker before Token Vault came.
type existingWorker struct {
	*site
	version atomic.Pointer[string]
}

// newExistingWorker starts an app whose worker is pages/pwa-worker.js, after
// change has gone over its source.
func newExistingWorker(t *testing.T, change func(source string) string) *existingWorker {
	t.Helper()
	source, err := os.ReadFile("pages/pwa-worker.js")
	require.NoError(t, err)
	text := change(string(source))
	w := &existingWorker{}
	w.deployWorker("one")
	w.site = newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) { c.App.Worker = "/pwa-worker.js" }
		o.Mounts["/pwa-worker.js"] = noPolicy(http.HandlerFunc(func(w2 http.ResponseWriter, _ *http.Request) {
			w2.Header().Set("Content-Type", "text/javascript")
			writeBody(w2, []byte(strings.ReplaceAll(text, "VERSION", *w.version.Load())))
		}))
	})
	return w
}

// newWorkerBeforeTheVault starts an app whose users have a worker, version "before",
// that knows nothing of a vault; later versions have the interceptor. The page has
// not been loaded since the worker is active.
func newWorkerBeforeTheVault(t *testing.T) (*existingWorker, *tab) {
	t.Helper()
	w := newExistingWorker(t, func(source string) string {
		return strings.Replace(source, "self.importScripts('/interceptor.js');", `if ("VERSION" !== "before") self.importScripts('/interceptor.js');`, 1)
	})
	w.deployWorker("before")
	p := w.open("/e2e/plain.html")
	eval[any](p, `
		await navigator.serviceWorker.register("/pwa-worker.js");
		await navigator.serviceWorker.ready`)
	return w, p
}

func (w *existingWorker) deployWorker(version string) { w.version.Store(&version) }

// askWorker asks the page's worker a question that the app's own code answers. It
// asks again after a while: a message to a worker that the browser is just about to
// stop is lost, for any app.
func askWorker[T any](p *tab, question string) T {
	p.t.Helper()
	return eval[T](p, `
		return new Promise((resolve) => {
			const ask = () => {
				const { port1, port2 } = new MessageChannel();
				port1.onmessage = ({ data }) => {
					clearInterval(again);
					resolve(data);
				};
				navigator.serviceWorker.controller.postMessage(`+js(question)+`, [port2]);
			};
			const again = setInterval(ask, 2000);
			ask();
		})`)
}

func asWritten(source string) string { return source }

func TestExistingWorkerAndInterceptorBothDoTheirWork(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"interceptor first": asWritten,
		"interceptor last, after handlers that take only what is theirs": func(source string) string {
			const first = "self.importScripts('/interceptor.js');\n"
			source = strings.Replace(source, first, "", 1)
			return strings.Replace(source, "  seen.push(", "  if (!event.request.url.endsWith('/offline') && !event.request.url.includes('/public/')) return;\n  seen.push(", 1) + first
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newExistingWorker(t, change)
			p := w.open("/e2e/blank.html")
			eval[any](p, `await tokenvault.ready`)
			assert.Equal(t, w.AppURL+"/pwa-worker.js", eval[string](p, `return navigator.serviceWorker.controller?.scriptURL`), "the first load is controlled")
			assert.Len(t, w.targets("service_worker", w.AppURL), 1, "there is one worker, not two")

			w.signInFrom(p, demo.MainClient)
			got := w.callerAt(p, demo.MainClient)
			assert.Equal(t, http.StatusOK, got.Status)
			assert.Equal(t, demo.MainClientID, got.Body.ClientID)

			assert.Equal(t, "offline, by one", eval[string](p, `return (await fetch("/offline")).text()`), "the app's cache answers")
			assert.Equal(t, "one", askWorker[string](p, "version"), "the app's messages arrive")
			public := w.APIURL + "/public/json"
			eval[any](p, `
				for (let tries = 0; tries < 100; tries++) {
					const response = await fetch(`+js(public)+`);
					if ((await response.json()).authorized) throw new Error("an open URL got a token");
				}`)
			seen := askWorker[[]string](p, "seen")
			assert.Contains(t, seen, public, "what is not protected is left to the app's worker")
			for _, url := range seen {
				assert.NotContains(t, url, w.APIURL+"/v1/", "what is protected is not")
				assert.NotContains(t, url, w.AuthURL+"/token")
			}
			w.canary(p)
		})
	}
}

func TestExistingWorkerDecidesWhenANewVersionTakesOver(t *testing.T) {
	t.Parallel()
	w := newExistingWorker(t, asWritten)
	p := w.open("/e2e/blank.html")
	w.signInFrom(p, demo.MainClient)

	w.deployWorker("two")
	state := eval[string](p, `
		const registration = await navigator.serviceWorker.ready;
		await registration.update();
		const next = registration.installing ?? registration.waiting;
		if (next.state === "installing") await new Promise((resolve) => { next.onstatechange = resolve });
		return next.state`)
	assert.Equal(t, "installed", state, "the interceptor does not skip the app's waiting")
	assert.Equal(t, "one", askWorker[string](p, "version"))
	assert.Equal(t, http.StatusOK, w.callerAt(p, demo.MainClient).Status)

	eval[any](p, `
		const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
		(await navigator.serviceWorker.ready).waiting.postMessage("take over");
		await changed`)
	assert.Equal(t, "two", askWorker[string](p, "version"))
	assert.Equal(t, http.StatusOK, w.callerAt(p, demo.MainClient).Status)
	assert.Equal(t, "offline, by two", eval[string](p, `return (await fetch("/offline")).text()`))
}

func TestExistingWorkerControlsThePageAgainAfterAHardReload(t *testing.T) {
	t.Parallel()
	w := newExistingWorker(t, asWritten)
	p := w.open("/e2e/blank.html")
	w.signInFrom(p, demo.MainClient)
	eval[any](p, `window.before = true`)
	call(p, page.Reload, page.ReloadParams{IgnoreCache: ptr(true)})
	p.until(`window.before === undefined && window.tokenvault !== undefined`)
	eval[any](p, `await tokenvault.ready`)
	assert.Equal(t, w.AppURL+"/pwa-worker.js", eval[string](p, `return navigator.serviceWorker.controller?.scriptURL`))
	assert.Equal(t, http.StatusOK, w.callerAt(p, demo.MainClient).Status)
}

func TestAnAppMovesFromItsOwnWorkerToOneWithTheInterceptor(t *testing.T) {
	t.Parallel()
	w, p := newWorkerBeforeTheVault(t)
	p.visit(w.AppURL + "/e2e/plain.html")
	require.Equal(t, "before", askWorker[string](p, "version"))

	w.deployWorker("after")
	p.visit(w.AppURL + "/e2e/blank.html")
	waiting := eval[string](p, `
		const registration = await navigator.serviceWorker.ready;
		if (!registration.installing && !registration.waiting) {
			await new Promise((resolve) => registration.addEventListener("updatefound", resolve, { once: true }));
		}
		const next = registration.installing ?? registration.waiting;
		if (next?.state === "installing") await new Promise((resolve) => { next.onstatechange = resolve });
		return next?.state`)
	require.Equal(t, "installed", waiting, "the script tag finds the new worker")
	eval[any](p, `
		const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
		(await navigator.serviceWorker.ready).waiting.postMessage("take over");
		await changed`)
	require.Equal(t, "after", askWorker[string](p, "version"))
	w.signInFrom(p, demo.MainClient)
	assert.Equal(t, http.StatusOK, w.callerAt(p, demo.MainClient).Status)
}

func ptr[T any](value T) *T { return &value }
