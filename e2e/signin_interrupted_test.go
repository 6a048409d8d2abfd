package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// history lists the URLs of a tab's history, and which of them is shown.
func history(p *tab) (urls []string, current int64, ids []int64) {
	p.t.Helper()
	got := call(p, page.GetNavigationHistory, cdp.Empty{})
	for _, entry := range got.Entries {
		urls = append(urls, entry.URL)
		ids = append(ids, entry.ID)
	}
	return urls, got.CurrentIndex, ids
}

// back goes back in the history to the latest entry that has this in its URL.
func back(p *tab, to string) {
	p.t.Helper()
	urls, current, ids := history(p)
	for i := current - 1; i >= 0; i-- {
		if strings.Contains(urls[i], to) {
			call(p, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: ids[i]})
			return
		}
	}
	require.Fail(p.t, "not in the history", "%s: %v", to, urls)
}

// codes lists the authorization codes that were issued.
func (s *site) codes() (codes []string) {
	for _, token := range s.IDP.Issued() {
		if token.Kind == devidp.CodeToken {
			codes = append(codes, token.Value)
		}
	}
	return codes
}

func TestCodeIsGoneBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.open(homePage)
	release := s.holdEndpoint(devidp.EndpointCode, 0)
	login(p, backHome)
	s.fillSignIn(p)
	s.waitToken()
	codes := s.codes()
	require.Len(t, codes, 1)
	urls, current, _ := history(p)
	assert.Equal(t, s.VaultURL+"/callback.html", urls[current])
	for _, each := range append(urls, eval[string](p, `return location.href + document.referrer + document.documentElement.outerHTML + JSON.stringify({ ...sessionStorage, ...localStorage })`)) {
		assert.NotContains(t, each, codes[0])
	}
	assert.NotContains(t, eval[string](p, `return document.referrer`), "?")

	// The page is loaded anew in the middle of it: whoever comes first, nothing hangs.
	reload(p)
	s.says(p, "stale")
	assert.Equal(t, []string{"Try again", "Back to the app"}, buttons(p))
	release()
	s.IDP.SetFaults()
	choose(p, "retry")
	isBack(p)
	assert.Equal(t, "user-alice", subject(p))
	s.mustServeVaulted(p)
	assert.Zero(t, s.IDP.Stats().CodeReplays)
	s.canary(p)
}

// The answer to a sign-in that is finished leads to where that one led, as long as
// somebody is signed in; after that it leads to another sign-in.
func TestBackButtonAfterASignIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	urls, _, _ := history(p)
	for _, each := range urls {
		assert.False(t, strings.HasPrefix(each, s.VaultURL), "%s: Back would lead into a page that goes on by itself", each)
	}
	answer := s.VaultURL + "/callback.html?" + url.Values{"code": {s.codes()[0]}, "state": {s.authorizations()[0].Get("state")}, "iss": {s.AuthURL}}.Encode()

	p.visit(answer)
	isBack(p)
	assert.True(t, isAuthenticated(p))
	back(p, "/authorize")
	p.until(`document.querySelector("#submit") !== null || location.hash === "#back"`)
	if eval[bool](p, `return document.querySelector("#submit") !== null`) {
		s.fillSignIn(p)
	}
	isBack(p)
	assert.True(t, isAuthenticated(p))

	eval[any](p, `await tokenvault.logout("vaulted")`)
	p.visit(answer)
	s.says(p, "stale")
	assert.Equal(t, []string{"Try again", "Back to the app"}, buttons(p))
	choose(p, "retry")
	isBack(p)
	s.mustServeVaulted(p)
	assert.Zero(t, s.IDP.Stats().CodeReplays, "a code is used once")
	s.canary(p)
}

func TestTwoTabsSignInAtOnce(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	tabs := []*tab{s.open(homePage), s.open(homePage)}
	for _, p := range tabs {
		login(p, backHome)
	}
	for _, p := range tabs {
		p.until(`document.querySelector("#submit") !== null`)
	}
	var group sync.WaitGroup
	for _, p := range tabs {
		group.Go(func() { s.fillSignIn(p) })
	}
	group.Wait()
	for _, p := range tabs {
		isBack(p)
		assert.Equal(t, "user-alice", subject(p))
		s.mustServeVaulted(p)
	}
	assert.Equal(t, 2, s.IDP.Stats().Exchanges)
	for _, p := range tabs {
		s.canary(p)
	}
}

// newSkewed is a site whose authorization server has another clock than the browser.
func newSkewed(t *testing.T, by time.Duration, change ...func(*demo.Options)) (*site, *atomic.Int64) {
	t.Helper()
	ahead := new(atomic.Int64)
	ahead.Store(int64(by))
	return newVaultedSite(t, append(change, func(o *demo.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})...), ahead
}

func TestSignInWithClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"the server's is ahead": 5 * time.Minute, "the server's is behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			s, _ := newSkewed(t, by, func(o *demo.Options) { o.AccessTTL = 10 * time.Minute })
			p := s.open(homePage)
			login(p, `maxAge: 3600, `+backHome)
			s.fillSignIn(p)
			isBack(p)
			s.mustServeVaulted(p)
			eval[any](p, `await tokenvault.refresh("vaulted")`)
			s.mustServeVaulted(p)
		})
	}
	t.Run("by too much", func(t *testing.T) {
		s, ahead := newSkewed(t, -2*time.Hour)
		p := s.open(homePage)
		login(p, backHome)
		s.fillSignIn(p)
		s.says(p, "untrusted")
		assert.Contains(t, p.text("#message"), "clock of this device")
		assert.Empty(t, s.live(), "what the vault does not believe is revoked")
		ahead.Store(0)
		s.IDP.EndSessions()
		choose(p, "retry")
		s.fillSignIn(p)
		isBack(p)
		s.mustServeVaulted(p)
	})
}

// ahead moves the clock of the next pages of a tab.
func ahead(p *tab, by time.Duration) (restore func()) {
	p.t.Helper()
	added := call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const { Date: Clock } = globalThis;
		globalThis.Date = class extends Clock {
			constructor(...parts) { if (parts.length) super(...parts); else super(Clock.now() + ` + js(by.Milliseconds()) + `) }
			static now() { return Clock.now() + ` + js(by.Milliseconds()) + ` }
		};
	}`})
	return func() {
		p.t.Helper()
		call(p, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(added))
	}
}

func TestSignInThatTookTooLong(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.open(homePage)
	for _, by := range []time.Duration{9 * time.Minute, 11 * time.Minute} {
		s.IDP.EndSessions()
		login(p, backHome)
		p.until(`document.querySelector("#submit") !== null`)
		restore := ahead(p, by)
		s.fillSignIn(p)
		if by < 10*time.Minute {
			isBack(p)
			restore()
			eval[any](p, `await tokenvault.logout("vaulted")`)
			p.visit(s.AppURL + homePage)
			continue
		}
		s.says(p, "stale")
		restore()
		assert.Equal(t, []string{"Try again", "Back to the app"}, buttons(p))
		exchanges := s.IDP.Stats().Exchanges
		choose(p, "retry")
		isBack(p)
		assert.Equal(t, exchanges+1, s.IDP.Stats().Exchanges)
		assert.Equal(t, "user-alice", subject(p))
	}
}

// keepsCookies reports whether the browser lets a frame of another site have cookies.
func keepsCookies(s *site, p *tab) bool {
	s.t.Helper()
	elsewhere := newWitness(s.t).at(evilHost)
	eval[any](p, `await new Promise((resolve) => {
		const frame = document.createElement("iframe");
		Object.assign(frame, { src: `+js(elsewhere+"/e2e/plain.html")+`, onload: resolve });
		document.body.append(frame);
	})`)
	frames := s.targets("iframe", elsewhere)
	require.Len(s.t, frames, 1)
	return eval[bool](s.attach(p, frames[0]), `return document.hasStorageAccess()`)
}

// profileWith makes the profile of a browser that has these settings.
func profileWith(t *testing.T, settings string) string {
	t.Helper()
	profile := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(profile, "Default"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(settings), 0o600))
	return profile
}

func TestSignInWithThirdPartyCookiesBlocked(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	stop := s.startBrowser(profileWith(t, `{"profile":{"cookie_controls_mode":0}}`))
	require.True(t, keepsCookies(s, s.open(homePage)), "control: a browser that has them")
	stop()

	defer s.startBrowser(profileWith(t, `{"profile":{"cookie_controls_mode":1}}`))()
	p := s.openWithPopups(``)
	require.False(t, keepsCookies(s, p))

	window := s.openPopup(p)
	s.fillSignIn(window)
	s.isClosed(window)
	p.until(`outcomes.join() === "ok"`)
	s.mustServeVaulted(p)
	eval[any](p, `await tokenvault.logout("vaulted")`)

	s.IDP.EndSessions()
	login(p, backHome)
	s.fillSignIn(p)
	isBack(p)
	s.mustServeVaulted(p)
	eval[any](p, `await tokenvault.refresh("vaulted")`)
	s.mustServeVaulted(s.open(homePage))
}
