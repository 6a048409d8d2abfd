package devidp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCORSPreflight(t *testing.T) {
	rg := newRig(t)
	targets := map[string]string{
		"token": rg.auth + "/token", "pushed requests": rg.auth + "/par", "revocation": rg.auth + "/revoke", "UserInfo": rg.auth + "/userinfo",
		"end session": rg.auth + "/logout", "discovery": rg.auth + "/.well-known/openid-configuration", "JWKS": rg.auth + "/jwks",
		"PingAM token": rg.auth + pingAMOAuth + "/access_token", "PingAM sessions": rg.auth + pingAMJSON + "/sessions/",
		"protected API": rg.api + "/v1/json", "public API": rg.api + "/public/json",
	}
	tests := []struct {
		name, origin, headers string
		allowed               bool
		allowHeaders          string
	}{
		{"app", appOrigin, "authorization,content-type", true, "authorization,content-type"},
		{"vault", vaultOrigin, "x-anything", true, "x-anything"},
		{"without headers", appOrigin, "", true, ""},
		{"headers that are none", appOrigin, "a b", true, ""},
		{"another origin", evilOrigin, "authorization", false, ""},
		{"an opaque origin", "null", "authorization", false, ""},
		{"an origin that goes on", appOrigin + ".evil.example", "authorization", false, ""},
		{"a wildcard", "*", "authorization", false, ""},
	}
	for where, target := range targets {
		for _, tt := range tests {
			t.Run(where+"/"+tt.name, func(t *testing.T) {
				h := header{"Origin": tt.origin, "Access-Control-Request-Method": "POST"}
				if tt.headers != "" {
					h["Access-Control-Request-Headers"] = tt.headers
				}
				a := rg.do(t, rg.browser, http.MethodOptions, target, nil, h)
				require.Equal(t, http.StatusNoContent, a.status)
				require.Contains(t, a.header.Values("Vary"), "Origin")
				require.Equal(t, tt.allowHeaders, a.header.Get("Access-Control-Allow-Headers"))
				if !tt.allowed {
					require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
					require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
					return
				}
				require.Equal(t, tt.origin, a.header.Get("Access-Control-Allow-Origin"))
				require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
				require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "DELETE")
			})
		}
	}
}

func TestCORSExposesTheChallenge(t *testing.T) {
	rg := newRig(t)
	a := rg.get(t, rg.api+"/v1/json", header{"Origin": appOrigin})
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, appOrigin, a.header.Get("Access-Control-Allow-Origin"))
	exposed := strings.Split(a.header.Get("Access-Control-Expose-Headers"), ", ")
	require.Contains(t, exposed, "WWW-Authenticate")
	require.Contains(t, exposed, "DPoP-Nonce")
	require.Contains(t, exposed, "ETag")
	require.NotContains(t, exposed, "*")
}
