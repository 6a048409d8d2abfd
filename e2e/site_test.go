package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// patience is how long a condition may take to come true before a test fails.
const patience = 30 * time.Second

// site is four running origins, and the browser that looks at them.
type site struct {
	*demo.Demo
	t         testing.TB
	browser   context.Context
	certified *certified // the main client's server, where it is not devidp
}

// newSite starts a site that ends with the test. Beside the demonstration page,
// the app origin has the pages of this folder and the SDKs of node_modules.
func newSite(t testing.TB, change ...func(*demo.Options)) *site {
	t.Helper()
	options := demo.Options{
		Wasm:          binaries,
		RedirectPaths: []string{"/e2e/callback.html", "/e2e/ping.html", "/e2e/oidc.html"},
		Mounts: map[string]http.Handler{
			"/e2e/":          noPolicy(http.StripPrefix("/e2e/", http.FileServer(http.Dir("pages")))),
			"/node_modules/": noPolicy(http.StripPrefix("/node_modules/", http.FileServer(http.Dir("../node_modules")))),
		},
	}
	for _, f := range change {
		f(&options)
	}
	d := startOnFreshPorts(t, options)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("the site did not close: %v", err)
		}
	})
	return watched(t, d)
}

// watched is a site whose servers run already.
func watched(t testing.TB, d *demo.Demo) *site {
	t.Helper()
	return &site{Demo: d, t: t, browser: browsers.take(t)}
}

// lastPort is the last port that a site was given. A port is used once, and lies
// below those that the system chooses: the browser keeps the worker and the
// storage of an origin, and another test's site would find them there.
var lastPort atomic.Int32

func init() { lastPort.Store(10_000 + rand.Int32N(10_000)) }

func startOnFreshPorts(t testing.TB, options demo.Options) *demo.Demo {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		for _, addr := range []*string{&options.App, &options.Vault, &options.Auth, &options.API} {
			*addr = fmt.Sprint("127.0.0.1:", lastPort.Add(1))
		}
		d, err := demo.Start(ctx, options)
		if taken := (*demo.PortError)(nil); errors.As(err, &taken) {
			continue // another program has it, or browsers block it
		}
		require.NoError(t, err)
		return d
	}
}

// noPolicy serves without the demonstration's Content-Security-Policy: the test
// pages have scripts of their own, as a hostile app would.
func noPolicy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Del("Content-Security-Policy")
		next.ServeHTTP(w, r)
	})
}

// tab is a page of the browser and all that was seen of it.
type tab struct {
	ctx  context.Context // of the tab; ends with the test, or by close
	t    testing.TB
	stop context.CancelFunc

	mu      sync.Mutex
	console []string
	urls    []string
}

// open opens a tab on a path of the app origin.
func (s *site) open(path string) *tab {
	s.t.Helper()
	ctx, cancel := chromedp.NewContext(s.browser)
	p := &tab{ctx: ctx, t: s.t, stop: cancel}
	s.t.Cleanup(cancel)
	p.watch()
	p.visit(s.AppURL + path)
	return p
}

// attach makes a target that runs beside a tab, a frame or a worker, one to run
// scripts in, and keeps what it prints. The end of the test detaches.
func (s *site) attach(p *tab, info *target.Info, options ...chromedp.ContextOption) *tab {
	s.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, append(options, chromedp.WithTargetID(info.TargetID))...)
	s.t.Cleanup(cancel)
	at := &tab{ctx: ctx, t: s.t, stop: cancel}
	at.watch()
	return at
}

// watch begins to listen.
func (p *tab) watch() {
	p.t.Helper()
	// The first use makes the tab or attaches, so it may not have a context that
	// ends early.
	require.NoError(p.t, chromedp.Listen(p.ctx, p.listen))
	call(p, log.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
}

// listen keeps what a script of the app could have seen, and what it printed.
func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventConsoleAPICalled:
		line := string(event.Type)
		for _, arg := range event.Args {
			line += " " + string(arg.Value) + arg.Description
		}
		p.console = append(p.console, line)
	case *runtime.EventExceptionThrown:
		line := "exception " + event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			line += " " + thrown.Description
		}
		p.console = append(p.console, line)
	case *log.EventEntryAdded:
		p.console = append(p.console, string(event.Entry.Level)+" "+event.Entry.Text+" "+event.Entry.URL)
	case *page.EventFrameNavigated:
		p.urls = append(p.urls, event.Frame.URL+event.Frame.URLFragment)
	}
}

// Console returns what the tab printed.
func (p *tab) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.console...)
}

// explain is what a failed step shows beside its error.
func (p *tab) explain() string { return "console:\n" + strings.Join(p.Console(), "\n") }

// do performs actions within the test's patience.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...), p.explain())
}

// call runs a command of the browser's protocol in the tab.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	require.NoError(p.t, err, p.explain())
	return result
}

// visit goes to a URL and waits for its load event.
func (p *tab) visit(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// eval runs the body of an async function in the page and decodes its result.
func eval[T any](p *tab, body string) T {
	p.t.Helper()
	value, err := tryEval[T](p, body)
	require.NoError(p.t, err, "script: %s\n%s", body, p.explain())
	return value
}

// tryEval is eval for a script that may throw.
func tryEval[T any](p *tab, body string) (value T, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`(async () => {`+body+`})().then((value) => JSON.stringify(value ?? null))`, chromedp.EvalAwaitPromise))
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal([]byte(text), &value)
}

// until waits for an expression of the page to be true, across navigations: it
// asks anew each second, because a poll may stay behind in a page that is left.
func (p *tab) until(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
		_, err := chromedp.Run(ctx, chromedp.Poll[chromedp.Void](expression,
			chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(time.Second)))
		cancel()
		if err == nil {
			return
		}
		require.True(p.t, time.Now().Before(deadline) && p.ctx.Err() == nil, "never true: %s (%v)\n%s", expression, err, p.explain())
	}
}

// targets lists the browser's targets of a type whose URL begins with a prefix.
func (s *site) targets(kind, prefix string) []*target.Info {
	s.t.Helper()
	infos, err := chromedp.Targets(s.browser)
	require.NoError(s.t, err)
	var found []*target.Info
	for _, info := range infos {
		if info.Type == kind && strings.HasPrefix(info.URL, prefix) {
			found = append(found, info)
		}
	}
	return found
}
