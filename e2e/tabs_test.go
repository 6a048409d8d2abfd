package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

func TestTwentyRequestsInThreeTabsRefreshOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range deathsOfTokens {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, func(o *demo.Options) { o.AccessTTL = tc.ttl })
			tabs := []*tab{s.signInWithOIDC(), s.open("/e2e/blank.html"), s.open("/e2e/blank.html")}
			for _, p := range tabs {
				eval[any](p, `await tokenvault.ready`)
			}
			tc.end(s, tabs[0])
			s.IDP.SetAccessTTL(time.Minute)
			before := s.IDP.Stats().Refreshes

			replies := inParallel[[]reply](t, tabs, `
				return Promise.all(Array.from({ length: 20 }, () => `+asking(s.whoamiURL(), `{}`)+`))`)

			want := reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}
			for _, batch := range replies {
				require.Len(t, batch, 20)
				for _, got := range batch {
					assert.Equal(t, want, got)
				}
			}
			assert.Equal(t, 1, s.IDP.Stats().Refreshes-before)
			assert.Zero(t, s.IDP.Stats().ReuseDetected)
			assert.Zero(t, s.IDP.Stats().TokenErrors)
			for _, p := range tabs {
				s.canary(p)
			}
		})
	}
}

func TestTabsSeeSignInRefreshAndLogoutAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.open("/e2e/blank.html")
	record(other)
	s.mustRefuse(other, 400, "not_signed_in")

	p := s.signInWithOIDC()
	other.until(`window.events.join() === "signedin main"`)
	assert.True(t, has(other))
	s.mustServe(other)

	eval[any](p, `await tokenvault.refresh("main")`)
	other.until(`window.events.join() === "signedin main,refreshed main"`)
	s.mustServe(other)
	s.mustServe(p)

	eval[any](p, `await tokenvault.logout("main")`)
	assert.False(t, has(other), "right after the logout in the other tab")
	s.mustRefuse(other, 400, "not_signed_in")
	other.until(`window.events.join() === "signedin main,refreshed main,signedout main"`)
	s.canary(other)
	s.canary(p)
}

// The other tab never stops asking, so it has the token in memory and requests
// under way at the moment of the logout.
func TestNoTabUsesATokenAfterALogoutInAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	other := s.open("/e2e/blank.html")
	s.mustServe(other)
	eval[any](other, `
		window.statuses = [];
		window.busy = (async () => {
			while (!window.enough) window.statuses.push((await `+asking(s.whoamiURL(), `{}`)+`).status);
		})()`)
	other.until(`window.statuses.length > 5`)

	eval[any](p, `await tokenvault.logout("main")`)
	signedOut := time.Now()
	other.until(`window.statuses.slice(-5).join() === "400,400,400,400,400"`)
	eval[any](other, `window.enough = true; await window.busy`)

	for _, call := range s.calls() {
		assert.True(t, call.Time.Before(signedOut), "a request went out %s after the logout", call.Time.Sub(signedOut))
	}
	for _, status := range eval[[]int](other, `return window.statuses`) {
		assert.Contains(t, []int{200, 400}, status)
	}
	s.canary(other)
}

func TestLogoutRunsIntoARefreshOfAnotherTab(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	other := s.open("/e2e/blank.html")
	s.mustServe(other)
	s.IDP.RevokeAccess()
	until := make(chan struct{})
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultHold, Until: until, Times: 1})
	s.IDP.ClearRequests()
	eval[any](other, `window.held = `+asking(s.whoamiURL(), `{}`))
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Method == "POST" })
	eval[any](p, `window.logout = tokenvault.logout("main")`)
	close(until)
	eval[any](p, `await window.logout`)

	assert.Contains(t, []int{200, 400}, held(other).Status)
	assert.False(t, has(p))
	assert.False(t, has(other), "the refresh did not bring the session back")
	assert.Empty(t, s.live(), "the renewed tokens are revoked too")
	s.mustRefuse(other, 400, "not_signed_in")
	s.canary(p)
}
