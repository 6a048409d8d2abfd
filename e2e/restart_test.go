package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/chromium"
)

// startBrowser makes a browser with a profile the one of the site.
func (s *site) startBrowser(profile string) (stop func()) {
	s.t.Helper()
	var err error
	s.browser, stop, err = chromium.Start(context.Background(), profile)
	require.NoError(s.t, err)
	return stop
}

func TestSessionOutlivesTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	profile := t.TempDir()
	stop := s.startBrowser(profile)
	p := s.signInWithOIDC()
	s.mustServe(p)
	stop()
	require.ErrorIs(t, p.ctx.Err(), context.Canceled)

	stop = s.startBrowser(profile)
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
