package e2e

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// nap is how long the machine of these tests sleeps: past the expiry of each access
// token.
const nap = 9 * time.Hour

// naps are what a sleep does to the clock by which timers are due. The wall clock is
// on by all of it when the machine wakes.
var naps = []struct {
	name      string
	monotonic time.Duration
}{
	{"a clock that stands still meanwhile, as on Linux and macOS", 0},
	{"a clock that goes on, as on Windows", nap},
}

// sleeper is a site whose clocks can be moved: the servers', and those of a vault's
// frame where Go reads them. Of our scripts in the browser no other reads a clock. Not
// covered is what the browser does with its own timers, and the system with
// connections.
type sleeper struct {
	*site
	ahead atomic.Int64 // of the servers
}

func newSleeper(t *testing.T, change ...func(*demo.Options)) *sleeper {
	t.Helper()
	s := &sleeper{}
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	s.site = newSite(t, append(change, func(o *demo.Options) { o.Now, o.RefreshTTL = now, 10*nap })...)
	return s
}

// sleep lets everybody's clocks be later by a nap.
func (s *sleeper) sleep(frame *tab, monotonic time.Duration) {
	s.t.Helper()
	s.ahead.Add(int64(nap))
	jump(frame, nap, monotonic)
}

// vaultOf attaches to the vault's frame.
func (s *sleeper) vaultOf(p *tab) *tab {
	s.t.Helper()
	frame, own := s.frameOf(p)
	require.True(s.t, own)
	return frame
}

// jump moves the clocks that Go reads in a frame (wasm_exec.js), and has its scheduler
// look at them, as a timer that has become due does.
func jump(frame *tab, wall, monotonic time.Duration) {
	frame.t.Helper()
	eval[any](frame, `
		if (!globalThis.jumped) {
			globalThis.jumped = { wall: 0, monotonic: 0 };
			const { Date: Clock } = globalThis;
			globalThis.Date = class extends Clock {
				constructor() { super(Clock.now() + jumped.wall) }
				static now() { return Clock.now() + jumped.wall }
			};
			const monotonic = performance.now.bind(performance);
			performance.now = () => monotonic() + jumped.monotonic;
		}
		jumped.wall += `+js(wall.Milliseconds())+`;
		jumped.monotonic += `+js(monotonic.Milliseconds())+`;
		tokenvaultHost.wake()`)
}

func TestMachineThatSleptRenewsOnceAndKeepsTheRequestUnderWay(t *testing.T) {
	t.Parallel()
	for _, tc := range naps {
		t.Run(tc.name, func(t *testing.T) {
			s := newSleeper(t)
			p := s.signInWithOIDC()
			release := s.startHeld(p)

			s.sleep(s.vaultOf(p), tc.monotonic)

			replies := eval[[]reply](p, `return Promise.all(Array.from({ length: 10 }, () => `+asking(s.whoamiURL(), `{}`)+`))`)
			for _, got := range replies {
				assert.Equal(t, reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}, got)
			}
			for _, call := range s.calls() {
				assert.True(t, call.Path != "/v1/whoami" || call.Status == 200, "a dead token went out: the vault has not seen the time")
			}
			release()
			assert.Equal(t, 200, held(p).Status)
			assert.Equal(t, 1, s.IDP.Stats().Refreshes)
			assert.Zero(t, s.IDP.Stats().ReuseDetected)
			s.canary(p)
		})
	}
}

// The request waits in Go, with a deadline, while the machine sleeps. By the clock that
// goes on, the deadline is past when it wakes.
func TestRequestThatWaitsForARenewalDoesNotHangAfterASleep(t *testing.T) {
	t.Parallel()
	for _, tc := range naps {
		t.Run(tc.name, func(t *testing.T) {
			s := newSleeper(t, func(o *demo.Options) { o.AccessTTL = 3 * time.Second })
			p := s.signInWithOIDC()
			untilExpired(p)
			s.IDP.SetAccessTTL(time.Minute)
			until := make(chan struct{})
			s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultHold, Until: until, Times: 1})
			s.IDP.ClearRequests()
			eval[any](p, `window.held = `+asking(s.whoamiURL(), `{}`))
			s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Method == "POST" && !r.Done })

			s.sleep(s.vaultOf(p), tc.monotonic)

			if tc.monotonic > 0 {
				got := held(p)
				assert.Equal(t, reply{Status: 503, Error: "vault_timeout", Message: got.Message}, got)
				s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Aborted })
			} else {
				close(until)
				assert.Equal(t, 200, held(p).Status)
			}
			assert.True(t, has(p))
			s.mustServe(p)
			s.canary(p)
		})
	}
}

// The wall clock is set back, of the machine alone. Tokens seem to be good for hours;
// the deadlines of requests hold, and what it was before mends it.
func TestClockThatIsSetBackHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newSleeper(t, configured(func(c *demo.Configuration) { c.RequestTimeout = "3s" }))
	p := s.signInWithOIDC()
	frame := s.vaultOf(p)
	release := s.startHeld(p)

	jump(frame, -nap, 0)

	release()
	assert.Equal(t, 200, held(p).Status)
	s.mustServe(p)
	require.Zero(t, s.IDP.Stats().Refreshes)
	s.IDP.ExpireAccess()
	s.mustServe(p)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes, "the API's refusal has told the vault")

	until := make(chan struct{})
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultHold, Until: until})
	s.IDP.ExpireAccess()
	s.IDP.ClearRequests()
	got := s.ask(p)
	assert.Equal(t, "vault_timeout", got.Error, "the deadline holds: %+v", got)
	// Let go before the server sees that, it would answer nobody with the next refresh
	// token.
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Aborted })
	close(until)
	s.IDP.SetFaults()

	jump(frame, nap, 0)
	s.mustServe(p)
	assert.Zero(t, s.IDP.Stats().ReuseDetected)
	s.canary(p)
}

// frozen is a page that stands still with the vault's frame in it, as the browser does
// with tabs that nobody looks at. The worker and other tabs run on. Chromium (156) stops
// timers and what comes from the network; messages of other frames are delivered.
type frozen []*tab

func (s *site) freeze(p *tab) frozen {
	s.t.Helper()
	frame, own := s.frameOf(p)
	require.True(s.t, own)
	parts := frozen{p, frame}
	for _, at := range parts {
		eval[any](at, `document.addEventListener("freeze", () => {
			window.frozen = true;
			setTimeout(() => { window.ticked = true });
		})`)
	}
	setLifecycle(p, page.SetWebLifecycleStateStateFrozen)
	for _, at := range parts {
		require.Eventually(s.t, func() bool { return eval[bool](at, `return window.frozen === true`) }, patience, 10*time.Millisecond)
	}
	return parts
}

// thaw lets the page run on.
func (f frozen) thaw() {
	for _, at := range f {
		at.t.Helper()
		assert.False(at.t, eval[bool](at, `return window.ticked === true`), "control: it stood still")
	}
	setLifecycle(f[0], page.SetWebLifecycleStateStateActive)
}

func setLifecycle(p *tab, state page.SetWebLifecycleStateState) {
	p.t.Helper()
	call(p, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
}

func TestFrozenPageGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	release := s.startHeld(p)
	eval[any](p, `held.then(() => { window.answered = true })`)

	cold := s.freeze(p)
	other := s.open("/e2e/blank.html")
	release()
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Method == "GET" && r.Done })
	s.mustServe(other)
	assert.False(t, eval[bool](p, `return window.answered === true`))

	cold.thaw()
	assert.Equal(t, 200, held(p).Status)
	s.mustServe(p)
	s.canary(p)
}

// The frozen page has the token of the session in memory.
func TestFrozenPageUsesNoTokenOfASessionThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.mustServe(p)
	record(p)
	cold := s.freeze(p)
	other := s.open("/e2e/blank.html")
	s.mustServe(other)

	eval[any](other, `await tokenvault.logout("main")`)

	s.IDP.ClearRequests()
	eval[any](p, `window.held = `+asking(s.whoamiURL(), `{}`)) // it is the first thing that the page does
	cold.thaw()
	assert.Equal(t, "not_signed_in", held(p).Error)
	assert.Empty(t, s.calls())
	p.until(`window.events.join() === "signedout main"`)
	assert.False(t, has(p))
	s.canary(p)
}
