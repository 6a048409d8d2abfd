package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// networked are the parts of a page that each have a network of their own to lose: the
// page itself, its worker and the vault's frame.
func (s *site) networked(p *tab) []*tab {
	s.t.Helper()
	frame, own := s.frameOf(p)
	require.True(s.t, own)
	workers := s.workers(p)
	require.NotEmpty(s.t, workers)
	return append(workers, p, frame)
}

// setOffline takes the network away, as a laptop or a telephone that loses it, or gives
// it back. The servers run on.
func setOffline(parts []*tab, offline bool) {
	for _, p := range parts {
		p.t.Helper()
		const unlimited = -1
		call(p, network.Enable, network.EnableParams{})
		call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: offline, DownloadThroughput: unlimited, UploadThroughput: unlimited}},
		})
		call(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: unlimited, UploadThroughput: unlimited})
	}
}

func TestOfflineAndBackIsSeenAsDirectly(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const get = `return observe(api + "/public/text")`
	before, _ := evalBoth[sight](t, w, get+`.finally(() => { window.sameDocument = true })`)
	require.Equal(t, 200, before.Status)
	parts := append(w.networked(w.through), w.direct)

	setOffline(parts, true)
	w.IDP.ClearRequests()
	for name, request := range map[string]string{
		"GET":                    get,
		"POST":                   `return observe(api + "/public/upload", { method: "POST", body: "x" })`,
		"a URL that needs leave": `return observe(api + "/public/json", { headers: { "X-App": "1" } })`,
	} {
		began := time.Now()
		assert.Equal(t, "TypeError", alike[sight](t, w, request).Error, name)
		assert.Less(t, time.Since(began), patience/6, "%s: it does not wait for a deadline", name)
	}
	assert.Equal(t, "0,4,", alike[string](t, w, `return new Promise((resolve) => {
		const request = new XMLHttpRequest();
		request.open("GET", api + "/public/text");
		request.onloadend = () => resolve([request.status, request.readyState, request.responseText].join());
		request.send();
	})`))
	assert.True(t, has(w.through))
	w.stopWorker(w.through)
	assert.Equal(t, "TypeError", alike[sight](t, w, get).Error, "with a worker that starts offline")
	assert.Empty(t, w.calls(), "control: there was no network; the emulation lets preflights pass")

	setOffline(parts[1:], false) // the first is the worker that was stopped
	after, direct := evalBoth[sight](t, w, get)
	assert.Equal(t, before, after)
	assert.Equal(t, direct.withoutLength(), after.withoutLength())
	w.mustServe(w.through)
	assert.Zero(t, w.IDP.Stats().Refreshes)
	for way, p := range w.ways() {
		assert.True(t, eval[bool](p, `return window.sameDocument === true`), "%s: it was not loaded anew", way)
	}
	w.canary(w.through)
}

func TestTokenThatExpiresOfflineIsRenewedWhenTheNetworkIsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) { o.AccessTTL = 3 * time.Second })
	p := s.signInWithOIDC()
	record(p)
	parts := s.networked(p)
	setOffline(parts, true)
	untilExpired(p)
	s.IDP.ClearRequests()

	for range 3 {
		got := s.ask(p)
		assert.Equal(t, "TypeError", got.Thrown, "%+v", got)
	}
	assert.Equal(t, "refresh_failed", eval[string](p, `return tokenvault.refresh("main").then(() => "", (error) => error.code)`))
	assert.True(t, has(p), "the session is kept")
	assert.Empty(t, eval[[]string](p, `return window.events`))
	assert.Empty(t, s.IDP.Requests())

	s.IDP.SetAccessTTL(time.Minute)
	setOffline(parts, false)
	s.mustServe(p)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	assert.Equal(t, 1, s.IDP.Stats().SignIns)
	s.canary(p)
}
