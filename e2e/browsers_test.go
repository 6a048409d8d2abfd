package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/chromium"
)

// fleet are the browsers of a run. A test has one to itself, with its subtests: sites
// that run at once would disturb each other in one browser, which knows cookies by
// their host alone and stops all workers together.
type fleet struct {
	mu     sync.Mutex
	idle   []context.Context
	leases map[string]*lease // by the name of the test
	stops  []context.CancelFunc
}

// lease is a browser in use, by as many sites.
type lease struct {
	browser context.Context
	sites   int
}

// take returns the browser of a test until the test, or subtest, ends. The first use
// takes one that no test has, or starts one.
func (f *fleet) take(t testing.TB) context.Context {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.leases[name]
	if taken == nil {
		browser, err := f.spare()
		require.NoError(t, err)
		taken = &lease{browser: browser}
		f.leases[name] = taken
	}
	taken.sites++
	t.Cleanup(func() { f.giveBack(name) })
	return taken.browser
}

// spare returns a browser that no test has. The caller holds mu.
func (f *fleet) spare() (context.Context, error) {
	if last := len(f.idle) - 1; last >= 0 {
		browser := f.idle[last]
		f.idle = f.idle[:last]
		return browser, nil
	}
	browser, stop, err := chromium.Start(context.Background(), "")
	if err == nil {
		f.stops = append(f.stops, stop)
	}
	return browser, err
}

func (f *fleet) giveBack(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.leases[name]
	if taken.sites--; taken.sites == 0 {
		delete(f.leases, name)
		f.idle = append(f.idle, taken.browser)
	}
}

// stop ends all browsers.
func (f *fleet) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, stop := range f.stops {
		stop()
	}
}
