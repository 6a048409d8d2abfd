// Package chromium starts the browser of the tests: those of the glue
// (wasm/wasmtest) and those from end to end (e2e). Nothing that ships imports it.
//
// The browser is $CHROMIUM, else the first of chromium, chromium-browser and
// google-chrome in PATH; .ci/need looks for the same.
//
// Chromium is started with flags that are given one by one, because chromedp's
// own defaults switch site isolation off, which is part of what is tested: a
// vault in the app's process would pass tests that it should fail.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/chromedp/chromedp"
)

// names are those under which Chromium is installed, the best first.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// ErrNotFound is returned where there is no browser.
var ErrNotFound = errors.New("no browser: none of " + strings.Join(names, ", ") +
	" is in PATH; install Chromium (apt-get install chromium), or name its file in $CHROMIUM")

// Find returns the file of the browser.
func Find() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNotFound
}

// Start starts a browser, which ends with the context or by stop. profile is the
// folder of its profile; with "" it has one of its own, which goes with it. The
// context that is returned is that of the browser's first tab; those of other
// tabs are made from it.
func Start(ctx context.Context, profile string) (browser context.Context, stop context.CancelFunc, err error) {
	path, err := Find()
	if err != nil {
		return nil, nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		// Tabs in the background are tabs of a user: their timers run as in front.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
	}
	if profile != "" {
		options = append(options, chromedp.UserDataDir(profile))
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil {
		stopAllocator()
		return nil, nil, fmt.Errorf("chromium did not start: %w", err)
	}
	return browser, func() { stopBrowser(); stopAllocator() }, nil
}
