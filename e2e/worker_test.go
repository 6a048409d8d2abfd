package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/chromium"
	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// killWorker ends this life of the service worker, as the browser does when it
// likes. The next one begins when it is needed, which may be at once.
func (s *site) killWorker(p *tab) {
	s.t.Helper()
	require.NotEmpty(s.t, s.targets("service_worker", s.AppURL), "no worker runs")
	call(p, serviceworker.Enable, cdp.Empty{})
	call(p, serviceworker.StopAllWorkers, cdp.Empty{})
}

// stopWorker ends the service worker and waits until none runs.
func (s *site) stopWorker(p *tab) {
	s.t.Helper()
	s.killWorker(p)
	require.Eventually(s.t, func() bool { return len(s.targets("service_worker", s.AppURL)) == 0 }, patience, 10*time.Millisecond)
}

func TestWorkerStoppedWhileIdleServesTheNextRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	for range 3 {
		s.stopWorker(p)
		s.mustServe(p)
	}
	s.stopWorker(p)
	parallel := eval[[]reply](p, `return Promise.all(Array.from({ length: 10 }, () => `+asking(s.whoamiURL(), `{}`)+`))`)
	for _, got := range parallel {
		assert.Equal(t, 200, got.Status, "%+v", got)
	}
	s.canary(p)
}

// A path that some server could read as one of ours is for Go to judge. A cold
// worker does not have it yet, so it asks the vault.
func TestColdWorkerLeavesUnprotectedRequestsAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	for _, method := range []string{"GET", "POST"} {
		s.stopWorker(p)
		s.IDP.ClearRequests()
		arg := `{ method: ` + js(method) + ` }`
		if method == "POST" {
			arg = `{ method: "POST", body: "a body that must survive" }`
		}
		got := eval[reply](p, `return `+asking(s.APIURL+"/public/%65cho", arg))
		assert.Equal(t, 200, got.Status, "%+v", got)
		calls := s.calls()
		require.Len(t, calls, 1)
		assert.Empty(t, calls[0].Authorization)
		assert.Equal(t, s.AppURL, calls[0].Header.Get("Origin"), "the app itself made the request")
		if method == "POST" {
			assert.Equal(t, hash("a body that must survive"), calls[0].BodySHA256)
		}
	}
	s.canary(p)
}

func TestGoStartsInTheWorkerOnlyForWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.stopWorker(p)
	s.mustServe(p)
	workers := s.workers(p)
	require.Len(t, workers, 1)
	worker := workers[0]
	require.Eventually(t, func() bool { return eval[float64](worker, `return performance.now()`) > 400 }, patience, 20*time.Millisecond,
		"older than the program would wait")
	assert.Zero(t, memories(worker))
	assert.Equal(t, 200, eval[int](p, `return (await fetch(`+js(s.APIURL+"/public/%65cho")+`)).status`))
	require.Eventually(t, func() bool { return memories(worker) == 1 }, patience, 20*time.Millisecond)
	s.wakeGo(p)
}

// wakeGo makes the worker judge: from here on it leaves alone what is in doubt and
// not listed.
func (s *site) wakeGo(p *tab) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return !servedByWorker(p, s.APIURL+"/public/%65cho") }, patience, 20*time.Millisecond)
}

// memories counts the WebAssembly memories of a target.
func memories(p *tab) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	sizes, err := chromium.WebAssemblyMemories(ctx)
	require.NoError(p.t, err)
	return len(sizes)
}

// Chromium gives a request whose worker died before it answered to the next life
// of the worker, once. The upstream request of the dead one is aborted.
func TestWorkerStoppedUnderARequestAbortsTheUpstream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	release := s.startHeld(p)
	reached := func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Method == "GET" }

	s.killWorker(p)
	s.waitRequest(func(r devidp.Request) bool { return reached(r) && r.Aborted })
	s.waitRequest(func(r devidp.Request) bool { return reached(r) && !r.Done })
	release()
	assert.Equal(t, 200, held(p).Status)
	s.mustServe(p)
	s.canary(p)
}

func TestWorkerStoppedTwiceUnderARequestIsANetworkError(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.startHeld(p)
	var last time.Time
	for range 2 {
		reached := func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Method == "GET" && r.Time.After(last) }
		started := s.waitRequest(reached)
		s.killWorker(p)
		s.waitRequest(func(r devidp.Request) bool { return r.Time.Equal(started.Time) && r.Aborted })
		last = started.Time
	}
	got := held(p)
	assert.Equal(t, "TypeError", got.Thrown, "%+v", got)
	s.IDP.SetFaults()
	s.mustServe(p)
	s.canary(p)
}

func TestWorkerStoppedUnderABodyIsANetworkErrorAndAbortsTheUpstream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	eval[any](p, `
		const response = await fetch(`+js(s.APIURL+"/v1/sse?count=100000&interval=20")+`);
		const reader = response.body.getReader();
		await reader.read();
		window.held = (async () => {
			for (;;) if ((await reader.read()).done) return { thrown: "nothing" };
		})().catch((error) => ({ thrown: error.name }))`)
	s.stopWorker(p)
	assert.Equal(t, "TypeError", held(p).Thrown)
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/sse" && r.Aborted })
	s.mustServe(p)
	s.canary(p)
}

func TestRequestWithoutAnAnswerEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	s := newSite(t, configured(func(c *demo.Configuration) { c.RequestTimeout = "3s" }))
	p := s.signInWithOIDC()
	s.startHeld(p)

	got := held(p)
	assert.Equal(t, reply{Status: 504, Error: "vault_timeout", Message: got.Message}, got)
	assert.Contains(t, got.Message, "requestTimeout")
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Aborted })
	s.IDP.SetFaults()
	s.mustServe(p)
	s.canary(p)
}

func TestUpdatedWorkerTakesOverAndTheRequestInFlightCompletes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	release := s.startHeld(p)
	eval[any](p, `window.before = navigator.serviceWorker.controller`)
	require.NoError(t, s.Deploy(p.ctx, func(c *demo.Configuration) {
		c.RequestTimeout = "29s"
		c.Clients[1].PingAM.RealmPath = "alpha"
		c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: s.APIURL + "/public/echo"})
	}))

	other := s.open("/e2e/blank.html") // a navigation is when the browser looks for an update
	p.until(`navigator.serviceWorker.getRegistration().then((registration) => {
		window.waits = registration.waiting !== null;
	}) && (window.waits || navigator.serviceWorker.controller !== window.before)`)
	release()
	got := held(p)
	assert.Equal(t, 200, got.Status, "%+v", got)

	p.until(`navigator.serviceWorker.controller !== window.before && navigator.serviceWorker.controller?.state === "activated"`)
	s.mustServe(p)
	s.mustServe(other)

	// The page that was loaded before has the frame of the old deployment, which
	// does not know the new resource: its request goes out as it would have then.
	s.IDP.ClearRequests()
	got = eval[reply](p, `return `+asking(s.APIURL+"/public/echo", `{}`))
	assert.Equal(t, 200, got.Status)
	assert.Empty(t, s.IDP.LastAuthorization())
	got = eval[reply](other, `return `+asking(s.APIURL+"/public/echo", `{}`))
	assert.Equal(t, 200, got.Status)
	assert.NotEmpty(t, s.IDP.LastAuthorization(), "the new page has the new policy")

	// But a token request that the old frame knows nothing of does not go out: it
	// would bring tokens into the page. Also from a worker that has just started.
	s.IDP.ClearRequests()
	for _, stopped := range []bool{false, true} {
		if stopped {
			s.stopWorker(p)
		}
		got = eval[reply](p, `return `+asking(s.AuthURL+"/am/oauth2/realms/root/realms/alpha/access_token", `{ method: "POST", body: "grant_type=x" }`))
		assert.Equal(t, "version_mismatch", got.Error, "stopped before: %v, %+v", stopped, got)
	}
	for _, request := range s.IDP.Requests() {
		assert.NotEqual(t, "POST", request.Method, "%s", request.Path)
	}
	s.canary(p)
}
