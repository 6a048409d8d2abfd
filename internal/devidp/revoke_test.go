package devidp

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRevoke(t *testing.T) {
	tests := []struct {
		name        string
		form        func(tokenReply) url.Values
		path        string
		contentType string
		status      int
		access      int // what the API says afterwards
		refresh     int // what the token endpoint says afterwards
	}{
		{
			name:   "an access token alone",
			form:   func(r tokenReply) url.Values { return url.Values{"client_id": {"spa"}, "token": {r.AccessToken}} },
			status: 200, access: 401, refresh: 200,
		},
		{
			name:   "a refresh token takes its family along",
			form:   func(r tokenReply) url.Values { return url.Values{"client_id": {"spa"}, "token": {r.RefreshToken}} },
			status: 200, access: 401, refresh: 400,
		},
		{
			name: "a wrong hint does not matter",
			form: func(r tokenReply) url.Values {
				return url.Values{"client_id": {"spa"}, "token": {r.RefreshToken}, "token_type_hint": {"access_token"}}
			},
			status: 200, access: 401, refresh: 400,
		},
		{
			name:   "an unknown token is a success",
			form:   func(tokenReply) url.Values { return url.Values{"client_id": {"spa"}, "token": {"REDACTED"}} },
			status: 200, access: 200, refresh: 200,
		},
		{
			name:   "another client's token",
			form:   func(r tokenReply) url.Values { return url.Values{"client_id": {"other"}, "token": {r.AccessToken}} },
			status: 400, access: 200, refresh: 200,
		},
		{
			name:   "another issuer's token",
			form:   func(r tokenReply) url.Values { return url.Values{"client_id": {"spa"}, "token": {r.AccessToken}} },
			path:   pingAMOAuth + "/token/revoke",
			status: 400, access: 200, refresh: 200,
		},
		{
			name:   "an unknown client",
			form:   func(r tokenReply) url.Values { return url.Values{"token": {r.AccessToken}} },
			status: 400, access: 200, refresh: 200,
		},
		{
			name:   "no token",
			form:   func(tokenReply) url.Values { return url.Values{"client_id": {"spa"}} },
			status: 400, access: 200, refresh: 200,
		},
		{
			name:        "JSON",
			form:        func(r tokenReply) url.Values { return url.Values{"client_id": {"spa"}, "token": {r.AccessToken}} },
			contentType: "application/json",
			status:      400, access: 200, refresh: 200,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			reply := rg.tokens(t)
			path, h := tt.path, header{}
			if path == "" {
				path = "/revoke"
			}
			if tt.contentType != "" {
				h["Content-Type"] = tt.contentType
			}
			require.Equal(t, tt.status, rg.post(t, rg.auth+path, tt.form(reply), h).status)
			require.Equal(t, tt.access, rg.call(t, "/v1/json", reply.AccessToken).status)
			require.Equal(t, tt.refresh, rg.refresh(t, reply.RefreshToken).status)
		})
	}
}

func TestRevocationsAreCounted(t *testing.T) {
	rg := newRig(t)
	reply := rg.tokens(t)
	for _, token := range []string{reply.RefreshToken, reply.AccessToken, "x"} {
		rg.post(t, rg.auth+"/revoke", url.Values{"client_id": {"spa"}, "token": {token}}, nil)
	}
	stats := rg.Stats()
	require.Equal(t, [3]int{1, 1, 1}, [3]int{stats.RevokedRefresh, stats.RevokedAccess, stats.RevokedUnknown})
}

func TestUserInfo(t *testing.T) {
	tests := []struct {
		name   string
		scope  string
		status int
		want   map[string]any
	}{
		{"everything", "openid profile email", http.StatusOK, map[string]any{
			"sub": "user-alice", "name": "Alice Liddell", "preferred_username": "alice",
			"email": "alice@example.com", "email_verified": true,
		}},
		{"openid alone", "openid", http.StatusOK, map[string]any{"sub": "user-alice"}},
		{"without openid", "profile", http.StatusForbidden, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			reply := rg.tokens(t, "scope", tt.scope)
			a := rg.get(t, rg.auth+"/userinfo", header{"Authorization": "Bearer " + reply.AccessToken})
			require.Equal(t, tt.status, a.status)
			if tt.want == nil {
				requireError(t, a, tt.status, "insufficient_scope")
				return
			}
			require.Equal(t, tt.want, a.json(t))
			require.Equal(t, 1, rg.Stats().UserInfos)
		})
	}
}

func TestUserInfoWithoutToken(t *testing.T) {
	rg := newRig(t)
	a := rg.get(t, rg.auth+"/userinfo", header{"Origin": appOrigin})
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, `Bearer realm="devidp"`, a.header.Get("WWW-Authenticate"))
}
