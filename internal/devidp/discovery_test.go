package devidp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiscoveryNamesLiveEndpoints(t *testing.T) {
	rg := newRig(t)
	tests := []struct{ name, document, issuer string }{
		{"plain, OpenID Connect", "/.well-known/openid-configuration", ""},
		{"plain, RFC 8414", "/.well-known/oauth-authorization-server", ""},
		{"PingAM root, OpenID Connect", "/am/oauth2/realms/root/.well-known/openid-configuration", "/am/oauth2/realms/root"},
		{"PingAM root, RFC 8414 appended", "/am/oauth2/realms/root/.well-known/oauth-authorization-server", "/am/oauth2/realms/root"},
		{"PingAM root, RFC 8414 inserted", "/.well-known/oauth-authorization-server/am/oauth2/realms/root", "/am/oauth2/realms/root"},
		{"PingAM realm, OpenID Connect", "/am/oauth2/realms/root/realms/alpha/.well-known/openid-configuration", "/am/oauth2/realms/root/realms/alpha"},
		{"PingAM realm, RFC 8414 inserted", "/.well-known/oauth-authorization-server/am/oauth2/realms/root/realms/alpha", "/am/oauth2/realms/root/realms/alpha"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.get(t, rg.auth+tt.document, nil)
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			document := a.json(t)
			require.Equal(t, rg.auth+tt.issuer, document["issuer"])
			require.Equal(t, []any{"S256"}, document["code_challenge_methods_supported"])
			require.Equal(t, true, document["authorization_response_iss_parameter_supported"])
			require.Equal(t, []any{"ES256"}, document["dpop_signing_alg_values_supported"])
			require.Equal(t, []any{ACRPassword, ACRMultiFactor}, document["acr_values_supported"])
			require.Equal(t, false, document["require_pushed_authorization_requests"])
			require.Equal(t, true, document["frontchannel_logout_supported"])
			require.Equal(t, true, document["frontchannel_logout_session_supported"])
			require.Equal(t, rg.auth+tt.issuer+"/par", document["pushed_authorization_request_endpoint"])
			for name, value := range document {
				if endpoint, ok := value.(string); ok && name != "issuer" {
					require.True(t, strings.HasPrefix(endpoint, rg.auth+tt.issuer+"/"), name)
					require.NotEqual(t, http.StatusNotFound, rg.get(t, endpoint, nil).status, name)
				}
			}
		})
	}
}

func TestUnknownRealmNames(t *testing.T) {
	rg := newRig(t)
	for _, realm := range []string{"a%20b", "%2e%2e", "a%2fb", strings.Repeat("a", 65)} {
		t.Run(realm, func(t *testing.T) {
			a := rg.get(t, rg.auth+pingAMOAuth+"/realms/"+realm+"/authorize", nil)
			require.Equal(t, http.StatusNotFound, a.status)
		})
	}
}

func TestJWKSHasOnlyThePublicKey(t *testing.T) {
	rg := newRig(t)
	for _, path := range []string{"/jwks", "/am/oauth2/realms/root/connect/jwk_uri"} {
		document := rg.get(t, rg.auth+path, nil).json(t)
		key := document["keys"].([]any)[0].(map[string]any)
		require.NotContains(t, key, "d")
		require.Equal(t, "ES256", key["alg"])
		require.Equal(t, rg.keys.access().public.KeyID, key["kid"])
	}
}

func TestEveryResponseSaysDevelopment(t *testing.T) {
	rg := newRig(t)
	for _, target := range []string{rg.auth + "/authorize", rg.auth + "/nowhere", rg.auth + "/token", rg.api + "/v1/json", rg.api + "/public/json", rg.api + "/nowhere"} {
		require.NotEmpty(t, rg.get(t, target, nil).header.Get("X-Development-Only"), target)
	}
	require.Contains(t, rg.authorizeAt(t, rg.auth+"/authorize", authorization()).body, "Development only.")
}
