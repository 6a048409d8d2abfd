package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// newMSW starts an app whose worker is the given script, with MSW's own beside it
// where "msw init" puts it.
func newMSW(t *testing.T, worker string) *site {
	t.Helper()
	return newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) { c.App.Worker = "/msw-worker.js" }
		o.Mounts["/msw-worker.js"] = noPolicy(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			writeBody(w, []byte(worker))
		}))
		o.Mounts["/mockServiceWorker.js"] = noPolicy(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, "../node_modules/msw/lib/mockServiceWorker.js")
		}))
	})
}

// mocked is the member "by" of a JSON body: "msw" for a mock's.
func (s *site) mocked(p *tab, url, init string) string {
	s.t.Helper()
	return eval[string](p, `
		const response = await fetch(`+js(url)+`, `+init+`);
		return (await response.json()).by ?? "status " + response.status`)
}

func TestMSWMocksWhatIsNotListedWhenTheInterceptorComesFirst(t *testing.T) {
	t.Parallel()
	s := newMSW(t, "importScripts('/interceptor.js');\nimportScripts('/mockServiceWorker.js');\n")
	p := s.open("/e2e/msw.html")
	s.signInFrom(p, demo.MainClient)
	check := func() {
		t.Helper()
		eval[any](p, `await startMocks(`+js(s.APIURL)+`)`)
		assert.Equal(t, "msw", s.mocked(p, "/mocked", `{}`))
		assert.Equal(t, "msw", s.mocked(p, "/mocked", `{ method: "POST", body: "x" }`))
		assert.Equal(t, "msw", s.mocked(p, s.APIURL+"/public/mocked", `{}`))
		assert.Equal(t, "status 200", s.mocked(p, s.APIURL+"/public/json", `{}`), "without a handler it goes to the network")

		s.mustServe(p)
		assert.Equal(t, "status 200", s.mocked(p, s.APIURL+"/v1/json", `{}`), "a listed URL is the vault's, not the mock's")
		eval[any](p, `await tokenvault.refresh("main")`)
		s.mustServe(p)
		for _, url := range eval[[]string](p, `return unhandled`) {
			assert.NotContains(t, url, "/v1/", "MSW does not see what is listed")
			assert.NotContains(t, url, "/token")
		}
		stream := eval[string](p, `
			const reader = (await fetch(`+js(s.APIURL+"/v1/sse?count=100&interval=60000")+`)).body.getReader();
			const first = new TextDecoder().decode((await reader.read()).value);
			await reader.cancel();
			return first`)
		assert.Contains(t, stream, `"n":1`)
	}
	check()
	assert.Equal(t, s.AppURL+"/msw-worker.js", eval[string](p, `return navigator.serviceWorker.controller?.scriptURL`))
	assert.Len(t, s.targets("service_worker", s.AppURL), 1)

	t.Run("in the page loaded anew", func(t *testing.T) {
		for range 3 { // MSW unregisters the worker when its last page goes
			p.visit(s.AppURL + "/e2e/msw.html")
			s.mustServe(p)
			check()
		}
	})
	t.Run("in the page loaded anew, past its cache", func(t *testing.T) {
		eval[any](p, `window.before = true`)
		call(p, page.Reload, page.ReloadParams{IgnoreCache: ptr(true)})
		p.until(`window.before === undefined && window.tokenvault !== undefined`)
		eval[any](p, `await tokenvault.ready`)
		check()
	})
	t.Run("in the next life of the worker", func(t *testing.T) {
		s.stopWorker(p)
		s.mustServe(p)
		assert.Equal(t, 404, eval[int](p, `return (await fetch("/mocked")).status`), "MSW has forgotten its pages")
	})
	s.canary(p)
}

// The control, and the reason for the order: MSW answers every request of a page with
// mocks, and sends those without a handler to the network itself.
func TestMSWThatComesFirstTakesRequestsFromTheVault(t *testing.T) {
	t.Parallel()
	s := newMSW(t, "importScripts('/mockServiceWorker.js');\nimportScripts('/interceptor.js');\n")
	p := s.open("/e2e/msw.html")
	s.signInFrom(p, demo.MainClient)
	s.mustServe(p) // until the mocks start
	eval[any](p, `await startMocks(`+js(s.APIURL)+`)`)
	got := s.ask(p)
	require.Equal(t, http.StatusUnauthorized, got.Status, "the request went out without its token: %+v", got)
}
