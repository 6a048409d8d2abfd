package devidp

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// faultless says whether an id_token of TestIDTokenFaults is what a client wants.
func (rg *rig) faultless(t testing.TB, reply tokenReply, nonce string) bool {
	t.Helper()
	c, parsed, err := rg.verifyID(t, reply.IDToken)
	return err == nil && c.Issuer == rg.auth && c.Subject == "user-alice" && c.Nonce == nonce &&
		len(c.Audience) == 1 && c.Audience[0] == "spa" && c.AuthorizedParty == "spa" &&
		c.AuthTime.Equal(rg.clock.Now()) && c.IssuedAt.Equal(rg.clock.Now()) && c.ExpiresAt.Equal(rg.clock.Now().Add(idTokenTTL)) &&
		c.AccessTokenHash == halfHash(parsed.Method, reply.AccessToken) && c.Session != "" &&
		c.ACR == ACRPassword && len(c.AMR) == 1 && c.AMR[0] == "pwd"
}

func TestIDTokenFaults(t *testing.T) {
	const signature = 1 // the claims are right
	tests := []struct {
		name  string
		kind  FaultKind
		check func(*testing.T, *rig, *idClaims, *jwt.Token)
		what  int
	}{
		{name: "issuer", kind: FaultWrongIssuer, check: func(t *testing.T, rg *rig, c *idClaims, _ *jwt.Token) {
			require.Equal(t, rg.auth+"/another", c.Issuer)
		}},
		{name: "nonce", kind: FaultIDNonce, check: func(t *testing.T, _ *rig, c *idClaims, _ *jwt.Token) {
			require.NotContains(t, []string{"", "n-1"}, c.Nonce)
		}},
		{name: "audience", kind: FaultIDAudience, check: func(t *testing.T, _ *rig, c *idClaims, _ *jwt.Token) {
			require.Equal(t, jwt.ClaimStrings{"another-client"}, c.Audience)
		}},
		{name: "party", kind: FaultIDParty, check: func(t *testing.T, _ *rig, c *idClaims, _ *jwt.Token) {
			require.Equal(t, "another-client", c.AuthorizedParty)
		}},
		{name: "subject", kind: FaultIDSubject, check: func(t *testing.T, _ *rig, c *idClaims, _ *jwt.Token) {
			require.NotEqual(t, "user-alice", c.Subject)
		}},
		{name: "expired", kind: FaultIDExpired, check: func(t *testing.T, rg *rig, c *idClaims, _ *jwt.Token) {
			require.Equal(t, 55*time.Minute, rg.clock.Now().Sub(c.ExpiresAt.Time))
		}},
		{name: "hash", kind: FaultIDAccessHash, check: func(t *testing.T, _ *rig, c *idClaims, _ *jwt.Token) {
			require.Len(t, c.AccessTokenHash, 22)
		}},
		{name: "auth_time", kind: FaultIDAuthTime, check: func(t *testing.T, rg *rig, c *idClaims, _ *jwt.Token) {
			require.Equal(t, 24*time.Hour, rg.clock.Now().Sub(c.AuthTime.Time))
		}},
		{name: "signature", kind: FaultIDSignature, what: signature, check: func(t *testing.T, rg *rig, _ *idClaims, token *jwt.Token) {
			require.Equal(t, "ES256", token.Method.Alg())
			require.Equal(t, rg.keys.access().public.KeyID, token.Header["kid"])
		}},
		{name: "unsigned", kind: FaultIDUnsigned, what: signature, check: func(t *testing.T, _ *rig, _ *idClaims, token *jwt.Token) {
			require.Equal(t, "none", token.Method.Alg())
		}},
		{name: "symmetric", kind: FaultIDSymmetric, what: signature, check: func(t *testing.T, rg *rig, _ *idClaims, token *jwt.Token) {
			require.Equal(t, "HS256", token.Method.Alg())
			require.Equal(t, rg.keys.access().public.KeyID, token.Header["kid"])
		}},
		{name: "key", kind: FaultIDKey, what: signature, check: func(t *testing.T, rg *rig, _ *idClaims, token *jwt.Token) {
			require.NotEqual(t, rg.keys.access().public.KeyID, token.Header["kid"])
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			rg.SetFaults(Fault{Endpoint: EndpointCode, Kind: tt.kind, Times: 1}, Fault{Endpoint: EndpointRefresh, Kind: tt.kind, Times: 1})
			reply := rg.tokens(t)
			require.False(t, rg.faultless(t, reply, "n-1"))
			var claims idClaims
			token, _, err := jwt.NewParser().ParseUnverified(reply.IDToken, &claims)
			require.NoError(t, err)
			tt.check(t, rg, &claims, token)
			_, _, err = rg.verifyID(t, reply.IDToken)
			require.Equal(t, tt.what == signature || tt.kind == FaultIDExpired, err != nil, "no more is wrong than was asked for: %v", err)
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status, "the access token is good")

			again := decodeTokens(t, rg.refresh(t, reply.RefreshToken))
			require.False(t, rg.faultless(t, again, ""), "a refresh has faults of its own")
			require.True(t, rg.faultless(t, decodeTokens(t, rg.refresh(t, again.RefreshToken)), ""))
			require.True(t, rg.faultless(t, rg.tokens(t), "n-1"))
		})
	}
}

func TestIDTokenLeftOut(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointCode, Kind: FaultIDOmit, Times: 1})
	reply := rg.tokens(t)
	require.Empty(t, reply.IDToken)
	require.Contains(t, reply.Scope, "openid")
	rg.SetFaults(Fault{Endpoint: EndpointCode, Kind: FaultIDNoNonce, Times: 1})
	require.True(t, rg.faultless(t, rg.tokens(t), ""), "only the nonce is missing")
}

func TestAuthorizationResponseFaults(t *testing.T) {
	tests := []struct {
		name string
		kind FaultKind
		want func(*rig) []string
	}{
		{"another issuer", FaultWrongIssuer, func(rg *rig) []string { return []string{rg.auth + "/another"} }},
		{"no issuer", FaultNoIssuer, func(*rig) []string { return nil }},
		{"none", NoFault, func(rg *rig) []string { return []string{rg.auth} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			page := rg.authorizeAt(t, rg.auth+"/authorize", authorization())
			rg.SetFaults(Fault{Endpoint: EndpointResponse, Kind: tt.kind})
			asked := rg.post(t, rg.auth+signInPath, form(t, page), nil).location(t)
			silent := rg.authorizeAt(t, rg.auth+"/authorize", authorization()).location(t)
			refused := rg.authorizeAt(t, rg.auth+"/authorize", authorization("response_type", "token")).location(t)
			require.NotEmpty(t, asked.Get("code"))
			require.NotEmpty(t, silent.Get("code"))
			require.NotEmpty(t, refused.Get("error"))
			require.Equal(t, tt.want(rg), asked["iss"])
			require.Equal(t, tt.want(rg), silent["iss"])
			require.Equal(t, tt.want(rg), refused["iss"])
		})
	}
}
