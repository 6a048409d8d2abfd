package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// fillSignIn signs in on the authorization server's form.
func (s *site) fillSignIn(p *tab) {
	s.t.Helper()
	p.until(`document.querySelector("#submit") !== null`)
	eval[any](p, `
		document.querySelector("#username").value = `+js(s.Account.Username)+`;
		document.querySelector("#password").value = `+js(s.Account.Password)+`;
		document.querySelector("#submit").click()`)
}

// signInWithOIDC opens the page of oidc-client-ts and signs in.
func (s *site) signInWithOIDC() *tab {
	s.t.Helper()
	p := s.open("/e2e/oidc.html")
	p.until(`window.loaded === true`)
	eval[any](p, `manager.signinRedirect()`)
	s.fillSignIn(p)
	p.until(`window.user?.profile !== undefined`)
	return p
}

// signInWithPing opens the page of the Ping SDK and signs in.
func (s *site) signInWithPing() *tab {
	s.t.Helper()
	p := s.open("/e2e/ping.html")
	p.until(`window.loaded === true`)
	eval[any](p, `TokenManager.getTokens({ login: "redirect" })`)
	s.fillSignIn(p)
	p.until(`window.tokens !== undefined && window.loaded === true`)
	return p
}

func TestUnmodifiedOIDCClientSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()

	user := eval[map[string]any](p, `return manager.getUser()`)
	assert.Equal(t, "REDACTED", user["access_token"])
	assert.Equal(t, "REDACTED", user["refresh_token"])
	assert.NotEqual(t, "REDACTED", user["id_token"], "the id_token is not redacted unless configured")
	assert.Equal(t, "user-"+s.Account.Username, user["profile"].(map[string]any)["sub"], "the userinfo request carried the token")

	answer := eval[map[string]any](p, `
		const user = await manager.getUser();
		const response = await fetch(`+js(s.APIURL+"/v1/whoami")+`, { headers: { authorization: "Bearer " + user.access_token } });
		return { status: response.status, body: await response.json() }`)
	assert.EqualValues(t, 200, answer["status"])
	assert.Equal(t, hash(s.token(devidp.AccessToken)), answer["body"].(map[string]any)["token_sha256"], "the API saw the real token")

	eval[any](p, `const renewed = await manager.signinSilent(); window.renewed = renewed.access_token`)
	assert.Equal(t, "REDACTED", eval[string](p, `return window.renewed`))
	assert.EqualValues(t, 1, s.IDP.Stats().Refreshes)

	eval[any](p, `await manager.revokeTokens()`)
	assert.False(t, eval[bool](p, `return tokenvault.has("main")`))
	assert.Empty(t, s.live(), "both tokens are revoked")
	s.canary(p)
}

func TestUnmodifiedPingSDKSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithPing()

	tokens := eval[map[string]any](p, `return window.tokens`)
	assert.Equal(t, "REDACTED", tokens["accessToken"])
	assert.Equal(t, "REDACTED", tokens["refreshToken"])
	assert.NotEmpty(t, tokens["tokenExpiry"], "expires_in reached the SDK")
	assert.NotEmpty(t, tokens["idToken"])

	assert.Equal(t, "user-"+s.Account.Username, eval[map[string]any](p, `return UserManager.getCurrentUser()`)["sub"])
	assert.Equal(t, map[string]any{"hasTokens": true}, eval[map[string]any](p, `return tokenStore.has()`))
	assert.Equal(t, map[string]any{"refreshTokens": true}, eval[map[string]any](p, `return tokenStore.refresh()`))
	assert.Equal(t, "REDACTED", eval[map[string]any](p, `return TokenManager.getTokens()`)["accessToken"], "the store answers without a new sign-in")
	assert.EqualValues(t, 1, s.IDP.Stats().Exchanges)

	eval[any](p, `await FRUser.logout()`)
	assert.Equal(t, map[string]any{"hasTokens": false}, eval[map[string]any](p, `return tokenStore.has()`))
	assert.Nil(t, eval[any](p, `return tokenStore.get()`))
	assert.Empty(t, s.live(), "both tokens are revoked")
	hint := false
	for _, request := range s.IDP.Requests() {
		hint = hint || request.Path == "/am/oauth2/realms/root/connect/endSession" && request.Query != "" && request.Status < 400
	}
	assert.True(t, hint, "the session was ended with an id_token_hint")
	s.canary(p)
}

func TestRedactedReplyKeepsEveryOtherMember(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/oidc.html")
	p.until(`window.loaded === true`)
	eval[any](p, `
		const plain = fetch;
		sessionStorage.keep = "1";
		manager.signinRedirect()`)
	s.fillSignIn(p)
	p.until(`window.user !== undefined`)
	reply := eval[string](p, `
		const response = await fetch(`+js(s.AuthURL+"/token")+`, {
			method: "POST",
			body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "REDACTED", client_id: "demo-app" }),
		});
		return response.text()`)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(reply), &members))
	assert.JSONEq(t, `"REDACTED"`, string(members["access_token"]))
	assert.JSONEq(t, `"REDACTED"`, string(members["refresh_token"]))
	for _, name := range []string{"id_token", "expires_in", "scope", "token_type", "vendor"} {
		assert.NotEmpty(t, members[name], name)
	}
	s.canary(p)
}

// token returns the value of the newest token of a kind.
func (s *site) token(kind devidp.TokenKind) string {
	s.t.Helper()
	issued := s.IDP.Issued()
	for i := len(issued) - 1; i >= 0; i-- {
		if issued[i].Kind == kind {
			return issued[i].Value
		}
	}
	s.t.Fatalf("no %s was issued", kind)
	return ""
}

// live lists the access and refresh tokens that a server still accepts.
func (s *site) live() []string {
	var live []string
	for _, token := range s.IDP.Issued() {
		if token.Active && (token.Kind == devidp.AccessToken || token.Kind == devidp.RefreshToken) {
			live = append(live, token.Kind.String())
		}
	}
	return live
}
