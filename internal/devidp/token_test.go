package devidp

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestTokenReply(t *testing.T) {
	rg := newRig(t)
	code := rg.signInAt(t, rg.auth+"/authorize")
	a := rg.post(t, rg.auth+"/token", exchange(code), header{"Origin": appOrigin})
	reply := decodeTokens(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, appOrigin, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Bearer", reply.TokenType)
	require.EqualValues(t, 300, reply.ExpiresIn)
	require.Equal(t, "openid profile email offline_access", reply.Scope)
	require.Equal(t, vendorMember(), reply.Vendor)
	require.Greater(t, len(reply.AccessToken), 800, "an access token of realistic size")
	require.Len(t, reply.RefreshToken, 64)

	var access accessClaims
	parse := jwt.WithTimeFunc(rg.clock.Now)
	require.NoError(t, rg.keys.parse(reply.AccessToken, "at+jwt", &access, parse))
	require.Equal(t, rg.auth, access.Issuer)
	require.Equal(t, jwt.ClaimStrings{rg.api, rg.auth + "/userinfo"}, access.Audience)
	require.Equal(t, "spa", access.ClientID)

	var id idClaims
	require.NoError(t, rg.keys.parse(reply.IDToken, "JWT", &id, parse))
	require.Equal(t, "n-1", id.Nonce)
	require.Equal(t, jwt.ClaimStrings{"spa"}, id.Audience)
	require.Equal(t, "alice", id.Username)
	require.Equal(t, "user-alice", id.Subject)
	sum := sha256.Sum256([]byte(reply.AccessToken))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:16]), id.AccessTokenHash)

	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
	require.Equal(t, 1, rg.Stats().Exchanges)
}

func TestScopeDecides(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		name, scope, want string
		id                bool
	}{
		{"openid has an id_token", "openid", "openid", true},
		{"plain OAuth has none", "api", "api", false},
		{"none asked for", "-", defaultScope, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply := rg.tokens(t, "scope", tt.scope)
			require.Equal(t, tt.want, reply.Scope)
			require.Equal(t, tt.id, reply.IDToken != "")
			require.NotEmpty(t, reply.RefreshToken)
		})
	}
}

func TestTokenRefusesCode(t *testing.T) {
	tests := []struct {
		name   string
		pairs  []string
		header header
		path   string
		wait   time.Duration
		want   string
	}{
		{name: "unknown code", pairs: []string{"code", "x"}, want: "invalid_grant"},
		{name: "no code", pairs: []string{"code", "-"}, want: "invalid_grant"},
		{name: "no verifier", pairs: []string{"code_verifier", "-"}, want: "invalid_grant"},
		{name: "wrong verifier", pairs: []string{"code_verifier", strings.Repeat("x", 43)}, want: "invalid_grant"},
		{name: "the challenge as verifier", pairs: []string{"code_verifier", challengeOf(verifier)}, want: "invalid_grant"},
		{name: "other redirect_uri", pairs: []string{"redirect_uri", callbackTwo}, want: "invalid_grant"},
		{name: "no redirect_uri", pairs: []string{"redirect_uri", "-"}, want: "invalid_grant"},
		{name: "other client", pairs: []string{"client_id", "other"}, want: "invalid_grant"},
		{name: "unknown client", pairs: []string{"client_id", "nobody"}, want: "invalid_client"},
		{name: "no client", pairs: []string{"client_id", "-"}, want: "invalid_client"},
		{name: "client secret", pairs: []string{"client_secret", "x"}, want: "invalid_client"},
		{name: "Basic authentication", header: header{"Authorization": "Basic eDp5"}, want: "invalid_client"},
		{name: "other issuer", path: pingAMOAuth + "/access_token", want: "invalid_grant"},
		{name: "expired code", wait: codeTTL, want: "invalid_grant"},
		{name: "no grant_type", pairs: []string{"grant_type", "-"}, want: "invalid_request"},
		{name: "password grant", pairs: []string{"grant_type", "password"}, want: "unsupported_grant_type"},
		{name: "JSON", header: header{"Content-Type": "application/json"}, want: "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			code := rg.signInAt(t, rg.auth+"/authorize")
			rg.clock.advance(tt.wait)
			path := tt.path
			if path == "" {
				path = "/token"
			}
			a := rg.post(t, rg.auth+path, exchange(code, tt.pairs...), tt.header)
			requireError(t, a, http.StatusBadRequest, tt.want)
			require.Zero(t, rg.Stats().Exchanges)
			for _, token := range rg.Issued() {
				require.Equal(t, CodeToken, token.Kind)
			}
		})
	}
}

func TestTokenRefusesRepeatedParameter(t *testing.T) {
	rg := newRig(t)
	f := exchange(rg.signInAt(t, rg.auth+"/authorize"))
	f.Add("code", "x")
	requireError(t, rg.post(t, rg.auth+"/token", f, nil), http.StatusBadRequest, "invalid_request")
}

func TestTokenIsPostOnly(t *testing.T) {
	rg := newRig(t)
	a := rg.get(t, rg.auth+"/token", nil)
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
	require.Equal(t, "POST", a.header.Get("Allow"))
}

func TestWrongVerifierBurnsTheCode(t *testing.T) {
	rg := newRig(t)
	code := rg.signInAt(t, rg.auth+"/authorize")
	rg.post(t, rg.auth+"/token", exchange(code, "code_verifier", strings.Repeat("x", 43)), nil)
	requireError(t, rg.post(t, rg.auth+"/token", exchange(code), nil), http.StatusBadRequest, "invalid_grant")
}

func TestReplayedCodeRevokesWhatItIssued(t *testing.T) {
	rg := newRig(t)
	code := rg.signInAt(t, rg.auth+"/authorize")
	reply := decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(code), nil))
	requireError(t, rg.post(t, rg.auth+"/token", exchange(code), nil), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusUnauthorized, rg.call(t, "/v1/json", reply.AccessToken).status)
	requireError(t, rg.refresh(t, reply.RefreshToken), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, 1, rg.Stats().CodeReplays)
}

func TestRefreshRotates(t *testing.T) {
	rg := newRig(t)
	first := rg.tokens(t)
	second := decodeTokens(t, rg.refresh(t, first.RefreshToken))
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	require.NotEqual(t, first.AccessToken, second.AccessToken)
	require.NotEmpty(t, second.IDToken)
	var id idClaims
	require.NoError(t, rg.keys.parse(second.IDToken, typeID, &id, jwt.WithTimeFunc(rg.clock.Now)))
	require.Empty(t, id.Nonce)
	third := decodeTokens(t, rg.refresh(t, second.RefreshToken))
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", third.AccessToken).status)
	require.Equal(t, 2, rg.Stats().Refreshes)
}

func TestReuseRevokesTheFamily(t *testing.T) {
	rg := newRig(t)
	first, stranger := rg.tokens(t), rg.tokens(t)
	second := decodeTokens(t, rg.refresh(t, first.RefreshToken))
	requireError(t, rg.refresh(t, first.RefreshToken), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, 1, rg.Stats().ReuseDetected)
	requireError(t, rg.refresh(t, second.RefreshToken), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusUnauthorized, rg.call(t, "/v1/json", second.AccessToken).status)
	require.Equal(t, http.StatusOK, rg.refresh(t, stranger.RefreshToken).status, "another family is untouched")
}

func TestParallelRefreshHasOneWinner(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).RefreshToken
	var wg sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		wg.Go(func() {
			response, err := rg.browser.PostForm(rg.auth+"/token", refreshForm(token))
			if err == nil {
				statuses[i] = response.StatusCode
				err = response.Body.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	winners := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			winners++
		}
	}
	require.Equal(t, 1, winners)
	require.Equal(t, 1, rg.Stats().Refreshes)
	require.Equal(t, 19, rg.Stats().ReuseDetected)
}

func TestTokenRefusesRefresh(t *testing.T) {
	tests := []struct {
		name   string
		pairs  []string
		path   string
		before func(*rig)
		want   string
	}{
		{name: "unknown token", pairs: []string{"refresh_token", "x"}, want: "invalid_grant"},
		{name: "no token", pairs: []string{"refresh_token", "-"}, want: "invalid_grant"},
		{name: "the app's placeholder", pairs: []string{"refresh_token", "REDACTED"}, want: "invalid_grant"},
		{name: "other client", pairs: []string{"client_id", "other"}, want: "invalid_grant"},
		{name: "other issuer", path: pingAMOAuth + "/access_token", want: "invalid_grant"},
		{name: "more scope", pairs: []string{"scope", "openid admin"}, want: "invalid_scope"},
		{name: "malformed scope", pairs: []string{"scope", " openid"}, want: "invalid_scope"},
		{name: "expired by time", before: func(rg *rig) { rg.clock.advance(defaultRefreshTTL) }, want: "invalid_grant"},
		{name: "expired by a test", before: func(rg *rig) { rg.ExpireRefresh() }, want: "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			token := rg.tokens(t).RefreshToken
			if tt.before != nil {
				tt.before(rg)
			}
			path := tt.path
			if path == "" {
				path = "/token"
			}
			requireError(t, rg.post(t, rg.auth+path, refreshForm(token, tt.pairs...), nil), http.StatusBadRequest, tt.want)
		})
	}
}

func TestRefreshWithLessScope(t *testing.T) {
	rg := newRig(t)
	reply := decodeTokens(t, rg.post(t, rg.auth+"/token", refreshForm(rg.tokens(t).RefreshToken, "scope", "profile"), nil))
	require.Equal(t, "profile", reply.Scope)
	require.Empty(t, reply.IDToken)
}

func TestPingAMLayout(t *testing.T) {
	for _, realm := range []string{"", "/realms/alpha"} {
		t.Run("root"+realm, func(t *testing.T) {
			rg := newRig(t)
			base := rg.auth + pingAMOAuth + realm
			code := rg.signInAt(t, base+"/authorize")
			reply := decodeTokens(t, rg.post(t, base+"/access_token", exchange(code), nil))
			require.Equal(t, http.StatusOK, rg.get(t, base+"/userinfo", header{"Authorization": "Bearer " + reply.AccessToken}).status)
			require.Equal(t, http.StatusUnauthorized, rg.get(t, rg.auth+"/userinfo", header{"Authorization": "Bearer " + reply.AccessToken}).status)
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
			require.Equal(t, http.StatusOK, rg.post(t, base+"/access_token", refreshForm(reply.RefreshToken), nil).status)
			revoke := url.Values{"client_id": {"spa"}, "token": {reply.AccessToken}}
			require.Equal(t, http.StatusOK, rg.post(t, base+"/token/revoke", revoke, nil).status)
			require.Equal(t, http.StatusUnauthorized, rg.call(t, "/v1/json", reply.AccessToken).status)
			require.Equal(t, http.StatusNoContent, rg.get(t, base+"/connect/endSession?id_token_hint="+reply.IDToken, nil).status)
		})
	}
}

func TestIssuedKnowsEverySecret(t *testing.T) {
	rg := newRig(t)
	first := rg.tokens(t)
	second := decodeTokens(t, rg.refresh(t, first.RefreshToken))
	active := map[string]bool{}
	kinds := map[string]int{}
	for _, token := range rg.Issued() {
		active[token.Value] = token.Active
		kinds[token.Kind.String()]++
		require.Equal(t, "spa", token.ClientID)
		require.Equal(t, rg.auth, token.Issuer)
	}
	require.Equal(t, map[string]int{"code": 1, "access": 2, "refresh": 2, "id": 2}, kinds)
	require.False(t, active[first.RefreshToken])
	require.True(t, active[second.RefreshToken])
	require.True(t, active[first.AccessToken])
	require.Equal(t, 2, rg.RevokeAccess())
	require.Equal(t, 0, rg.ExpireAccess())
	require.Equal(t, "unknown", UnknownToken.String())
}

func TestLedgerIsBounded(t *testing.T) {
	l := newLedger()
	for range maxRecords + 10 {
		l.add(&record{kind: CodeToken, value: randomValue(8), grant: &grant{}})
	}
	require.Len(t, l.records, maxRecords)
	require.Len(t, l.byValue, maxRecords)
}

func TestExpiringMap(t *testing.T) {
	now := time.Unix(1000, 0)
	m := newExpiring[int](2)
	m.put("a", 1, now, now.Add(3*time.Second))
	m.put("b", 2, now, now.Add(time.Second))
	m.put("c", 3, now, now.Add(2*time.Second))
	_, ok := m.get("b", now)
	require.False(t, ok, "what ends first makes room")
	v, ok := m.get("c", now)
	require.True(t, ok)
	require.Equal(t, 3, v)
	m.put("d", 4, now.Add(2*time.Second), now.Add(9*time.Second))
	_, ok = m.get("a", now)
	require.True(t, ok, "what has ended makes room before what lives")
	_, ok = m.get("d", now.Add(9*time.Second))
	require.False(t, ok, "the end is exclusive")
}

func TestSetAccessTTL(t *testing.T) {
	rg := newRig(t)
	rg.SetAccessTTL(1500 * time.Millisecond)
	rg.clock.advance(300 * time.Millisecond)
	reply := rg.tokens(t)
	require.EqualValues(t, 1, reply.ExpiresIn)
	rg.clock.advance(1400 * time.Millisecond)
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
	rg.clock.advance(100 * time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, rg.call(t, "/v1/json", reply.AccessToken).status)
}
