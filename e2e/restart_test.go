package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/chromium"
)

// withBrowser makes a browser of its own the one of the test.
func withBrowser(t testing.TB, profile string) (stop func()) {
	t.Helper()
	ctx, cancel, err := chromium.Start(context.Background(), profile)
	require.NoError(t, err)
	shared := browser
	browser = ctx
	return func() {
		browser = shared
		cancel()
	}
}

func TestSessionOutlivesTheBrowser(t *testing.T) {
	s := newSite(t)
	profile := t.TempDir()
	stop := withBrowser(t, profile)
	p := s.signInWithOIDC()
	s.mustServe(p)
	stop()
	require.ErrorIs(t, p.ctx.Err(), context.Canceled)

	stop = withBrowser(t, profile)
	defer stop()
	p = s.open("/e2e/blank.html")
	assert.True(t, has(p))
	s.mustServe(p)
	s.IDP.RevokeAccess()
	s.mustServe(p)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	assert.Equal(t, 1, s.IDP.Stats().SignIns)
	s.canary(p)
}
