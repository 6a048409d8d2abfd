package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openCertified opens the page of oidc-client-ts for the certified server.
func (s *site) openCertified() *tab {
	s.t.Helper()
	p := s.open("/e2e/blank.html")
	eval[any](p, `sessionStorage.authority = `+js(s.certified.Issuer))
	p.visit(s.AppURL + "/e2e/oidc.html")
	p.until(`window.loaded === true`)
	return p
}

// signInAtCertified opens that page and signs in.
func (s *site) signInAtCertified() *tab {
	s.t.Helper()
	p := s.openCertified()
	eval[any](p, `manager.signinRedirect()`)
	s.certified.fillSignIn(p, "demo")
	p.until(`window.user?.profile !== undefined`)
	return p
}

// askCertified makes a protected request, which has to reach the API with the newest
// token.
func (s *site) askCertified(p *tab) {
	s.t.Helper()
	got := eval[reply](p, `return `+asking(s.certified.whoami(), `{}`))
	require.Equal(s.t, 200, got.Status, "%+v\n%s", got, p.explain())
	require.Equal(s.t, hash(s.certified.token("access").Value), got.Token, "the API got the newest token")
}

func TestCertifiedServerSignsInAndOut(t *testing.T) {
	t.Parallel()
	s := newCertifiedSite(t)
	p := s.signInAtCertified()

	user := eval[map[string]any](p, `return manager.getUser()`)
	assert.Equal(t, "REDACTED", user["access_token"])
	assert.Equal(t, "REDACTED", user["refresh_token"])
	profile := user["profile"].(map[string]any)
	assert.Equal(t, s.certified.Issuer, profile["iss"])
	assert.Equal(t, "demo", profile["sub"])
	assert.Equal(t, "Demo User", profile["name"], "the userinfo request carried the token")
	s.askCertified(p)
	for _, request := range s.certified.requests() {
		if request.Path == "/token" && request.Method == "POST" {
			assert.Equal(t, s.VaultURL, request.Origin, "the vault made the exchange")
		}
	}

	before := s.certified.token("refresh")
	assert.True(t, before.Live)
	assert.Equal(t, "REDACTED", eval[string](p, `return (await manager.signinSilent()).access_token`))
	after := s.certified.token("refresh")
	assert.NotEqual(t, before.Value, after.Value, "the refresh token was rotated")
	for _, token := range s.certified.issued() {
		if token.Value == before.Value {
			assert.False(t, token.Live, "the refresh token of before is used up")
		}
	}
	s.askCertified(p)

	eval[any](p, `await manager.revokeTokens()`)
	assert.False(t, has(p))
	for _, token := range s.certified.issued() {
		assert.False(t, token.Live, "the %s token is revoked", token.Kind)
	}
	s.canary(p)

	eval[any](p, `manager.signoutRedirect({ post_logout_redirect_uri: location.href, state: "left" })`)
	p.until(`window.loaded === true && location.search.includes("state=")`)
	eval[any](p, `manager.signinRedirect()`)
	s.certified.fillSignIn(p, "other") // there is a form: the session has ended
	p.until(`window.user?.profile !== undefined`)
	assert.Equal(t, "other", eval[string](p, `return window.user.profile.sub`))
	s.canary(p)

	eval[any](p, `window.planted = `+js(s.certified.token("access").Value))
	assert.Contains(t, s.leaks(p, s.needles()), "certified access token in page: heap", "the canary knows this server's tokens")
}
