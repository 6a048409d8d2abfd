//go:build !js

package wasmtest

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/chromium"
)

// storageQuota is what the origin of the tests may store, in bytes: enough for
// all tests, little enough for one of them to exceed it on purpose.
const storageQuota = 16 << 20

// startBrowser starts a Chromium with a profile of its own; both end with the
// test.
func startBrowser(t testing.TB) context.Context {
	t.Helper()
	browser, stop, err := chromium.Start(t.Context(), "")
	require.NoError(t, err)
	t.Cleanup(stop)
	return browser
}

// limitStorage sets the quota of an origin. It holds as long as the browser's
// first tab is there.
func limitStorage(t testing.TB, browser context.Context, origin string) {
	t.Helper()
	quota := float64(storageQuota)
	require.NoError(t, chromedp.Do(browser, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, storage.OverrideQuotaForOrigin,
			storage.OverrideQuotaForOriginParams{Origin: origin, QuotaSize: &quota})
		return err
	})))
}

// runOnPage opens a page in a tab of its own and follows its console until it
// says that it is over.
func runOnPage(t *testing.T, browser context.Context, address string) *transcript {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	require.NoError(t, chromedp.Do(tab), "open a tab")
	ctx, cancel := context.WithTimeout(tab, perPackage)
	defer cancel()

	messages := chromedp.Console(ctx)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(address)))
	script := new(transcript)
	for message, err := range messages {
		require.NoError(t, err, "the page did not come to its end")
		t.Log(message.Text)
		if script.add(line{text: message.Text, uncaught: message.IsException()}) {
			break
		}
	}
	return script
}
