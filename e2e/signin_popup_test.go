package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// openWithPopups opens a page with a button that signs in with a popup, by login's
// options. Each outcome is put into window.outcomes.
func (s *site) openWithPopups(options string) *tab {
	s.t.Helper()
	p := s.open(homePage)
	record(p)
	eval[any](p, `
		window.outcomes = [];
		window.stop = new AbortController();
		const button = document.createElement("button");
		Object.assign(button, { id: "popup", textContent: "Sign in" });
		window.popup = () => tokenvault.login({ client: "vaulted", mode: "popup", `+options+` }).then(
			() => outcomes.push("ok"),
			(error) => outcomes.push((error.code ?? error.name) + " " + error.message));
		button.addEventListener("click", popup);
		document.body.append(button)`)
	return p
}

// popups lists the browser's windows that are not among these tabs.
func (s *site) popups(tabs ...*tab) (found []*target.Info) {
	s.t.Helper()
	known := map[target.ID]bool{chromedp.FromContext(s.browser).Target.TargetID: true}
	for _, p := range tabs {
		known[chromedp.FromContext(p.ctx).Target.TargetID] = true
	}
	for _, info := range s.targets("page", "") {
		if !known[info.TargetID] {
			found = append(found, info)
		}
	}
	return found
}

// openPopup clicks on the button and returns the window that opens. tabs are the others.
func (s *site) openPopup(p *tab, tabs ...*tab) *tab {
	s.t.Helper()
	tabs = append(tabs, p)
	p.click("#popup")
	var found []*target.Info
	require.Eventually(s.t, func() bool { found = s.popups(tabs...); return len(found) == 1 }, patience, 20*time.Millisecond, "no window opened: %s", p.explain())
	return s.attach(p, found[0])
}

// isClosed waits for a window to close itself.
func (s *site) isClosed(window *tab) {
	s.t.Helper()
	id := chromedp.FromContext(window.ctx).Target.TargetID
	require.Eventually(s.t, func() bool {
		for _, info := range s.targets("page", "") {
			if info.TargetID == id {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond, "the window is still there: %s", window.explain())
}

func TestPopupSignsIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.openWithPopups(``)
	eval[any](p, `window.same = true`)
	window := s.openPopup(p)
	window.until(`document.querySelector("#submit") !== null`)
	assert.True(t, eval[bool](window, `return opener === null`))
	assert.Empty(t, eval[[]string](p, `return outcomes`))
	s.fillSignIn(window)
	s.isClosed(window)
	p.until(`outcomes.join() === "ok" && window.events.join() === "signedin vaulted"`)
	assert.True(t, eval[bool](p, `return window.same`), "the page of the app stays")
	assert.Equal(t, "user-alice", subject(p))
	s.mustServeVaulted(p)
	s.canary(p)
}

func TestPopupThatFails(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.openWithPopups(`signal: window.stop.signal`)

	// The server says no. The window says so, and the app hears when it is closed.
	window := s.openPopup(p)
	window.until(`document.querySelector("#cancel") !== null`)
	eval[any](window, `document.querySelector("#cancel").click()`)
	s.says(window, "denied")
	assert.Equal(t, []string{"Try again", "Close this window"}, buttons(window))
	assert.Empty(t, eval[[]string](p, `return outcomes`), "it may still succeed")
	eval[any](window, `setTimeout(() => { [...document.querySelectorAll("#actions button")].at(-1).click() })`)
	s.isClosed(window)
	p.until(`outcomes.length === 1`)
	assert.Equal(t, []string{"sign_in_failed The sign-in did not succeed. The user, or the authorization server, said no."}, eval[[]string](p, `return outcomes`))

	// The user closes the window by the browser's own button.
	window = s.openPopup(p)
	window.until(`document.querySelector("#cancel") !== null`)
	eval[any](window, `document.querySelector("#cancel").click()`)
	s.says(window, "denied")
	call(window, page.Close, cdp.Empty{})
	p.until(`outcomes.length === 2 && outcomes[1] === outcomes[0]`)

	// An error that "Try again" mends.
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultStatus, Status: 503})
	window = s.openPopup(p)
	s.fillSignIn(window)
	s.says(window, "server")
	s.IDP.SetFaults()
	choose(window, "retry")
	s.isClosed(window)
	p.until(`outcomes.length === 3`)
	assert.Equal(t, "ok", eval[string](p, `return outcomes[2]`))
	assert.True(t, isAuthenticated(p))

	// The app loses its patience; the window can be finished all the same.
	eval[any](p, `await tokenvault.logout("vaulted")`)
	s.IDP.EndSessions()
	window = s.openPopup(p)
	window.until(`document.querySelector("#submit") !== null`)
	eval[any](p, `stop.abort()`)
	p.until(`outcomes.length === 4`)
	assert.Regexp(t, "^(20|AbortError) ", eval[string](p, `return outcomes[3]`))
	assert.False(t, isAuthenticated(p))
	s.fillSignIn(window)
	s.isClosed(window)
	assert.True(t, isAuthenticated(p))
	s.canary(p)
}

func TestTwoPopupsAtOnce(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.openWithPopups(``)
	first := s.openPopup(p)
	first.until(`document.querySelector("#submit") !== null`)
	second := s.openPopup(p, first)
	second.until(`document.querySelector("#submit") !== null`)
	s.fillSignIn(second)
	s.isClosed(second)
	p.until(`outcomes.join() === "ok"`)
	s.fillSignIn(first)
	s.isClosed(first)
	p.until(`outcomes.join() === "ok,ok"`)
	assert.Equal(t, 2, s.IDP.Stats().Exchanges)
	s.mustServeVaulted(p)
	s.canary(p)
}

func TestPopupThatIsBlocked(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.openWithPopups(``)
	eval[any](p, `await popup()`) // nobody has clicked
	got := eval[[]string](p, `return outcomes`)
	require.Equal(t, []string{`popup_blocked The browser opened no window for the sign-in. Call login from a click, or use mode: "redirect".`}, got)
	assert.Empty(t, s.popups(p))
	login(p, backHome)
	s.fillSignIn(p)
	isBack(p)
	s.mustServeVaulted(p)
}
