package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// forge signs changed claims of a real token with the server's own key.
func (rg *rig) forge(t testing.TB, token, typ string, change func(*accessClaims)) string {
	t.Helper()
	var claims accessClaims
	require.NoError(t, rg.keys.parse(token, typeAccess, &claims, jwt.WithoutClaimsValidation()))
	change(&claims)
	forged, err := rg.keys.access().sign(typ, claims)
	require.NoError(t, err)
	return forged
}

func TestAPIRefuses(t *testing.T) {
	rg := newRig(t)
	good := rg.tokens(t)
	same := func(*accessClaims) {}
	foreignKey := func() string {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		var claims accessClaims
		require.NoError(t, rg.keys.parse(good.AccessToken, typeAccess, &claims, jwt.WithoutClaimsValidation()))
		signed, err := (&signingKey{method: jwt.SigningMethodES256, private: private, public: rg.keys.access().public}).sign(typeAccess, claims)
		require.NoError(t, err)
		return signed
	}
	hmac := func(method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims{"sub": "x", "aud": rg.api, "exp": rg.clock.Now().Add(time.Hour).Unix()})
		token.Header["typ"], token.Header["kid"] = typeAccess, rg.keys.access().public.KeyID
		signed, err := token.SignedString(key)
		require.NoError(t, err)
		return signed
	}
	parts := strings.Split(good.AccessToken, ".")
	tests := []struct {
		name          string
		authorization string
		status        int
		code          string
		challenge     string
	}{
		{"no token", "", 401, "unauthorized", `Bearer realm="devidp"`},
		{"the app's placeholder", "Bearer REDACTED", 401, "invalid_token", `Bearer realm="devidp", error="invalid_token"`},
		{"Basic", "Basic eDp5", 400, "invalid_request", `Bearer realm="devidp", error="invalid_request"`},
		{"a scheme alone", "Bearer", 400, "invalid_request", `Bearer realm="devidp", error="invalid_request"`},
		{"two tokens", "Bearer " + good.AccessToken + " " + good.AccessToken, 400, "invalid_request", ""},
		{"a refresh token", "Bearer " + good.RefreshToken, 401, "invalid_token", ""},
		{"an id_token", "Bearer " + good.IDToken, 401, "invalid_token", ""},
		{"a cut signature", "Bearer " + good.AccessToken[:len(good.AccessToken)-1], 401, "invalid_token", ""},
		{"no signature", "Bearer " + parts[0] + "." + parts[1] + ".", 401, "invalid_token", ""},
		{"none", "Bearer " + hmac(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), 401, "invalid_token", ""},
		{"HS256 with a public key", "Bearer " + hmac(jwt.SigningMethodHS256, []byte(rg.keys.access().public.X)), 401, "invalid_token", ""},
		{"another key", "Bearer " + foreignKey(), 401, "invalid_token", ""},
		{"signed well, never issued", "Bearer " + rg.forge(t, good.AccessToken, typeAccess, same), 401, "invalid_token", ""},
		{"another type", "Bearer " + rg.forge(t, good.AccessToken, "JWT", same), 401, "invalid_token", ""},
		{"another audience", "Bearer " + rg.forge(t, good.AccessToken, typeAccess, func(c *accessClaims) { c.Audience = jwt.ClaimStrings{"x"} }), 401, "invalid_token", ""},
		{"no expiry", "Bearer " + rg.forge(t, good.AccessToken, typeAccess, func(c *accessClaims) { c.ExpiresAt = nil }), 401, "invalid_token", ""},
		{"the real one", "bearer " + good.AccessToken, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := header{}
			if tt.authorization != "" {
				h["Authorization"] = tt.authorization
			}
			a := rg.get(t, rg.api+"/v1/json", h)
			require.Equal(t, tt.status, a.status, a.body)
			if tt.status == http.StatusOK {
				return
			}
			requireError(t, a, tt.status, tt.code)
			require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), tt.challenge), a.header.Get("WWW-Authenticate"))
			if tt.authorization == "" {
				require.NotContains(t, a.header.Get("WWW-Authenticate"), "error")
			}
		})
	}
}

func TestAPIEndsTokens(t *testing.T) {
	tests := []struct {
		name string
		end  func(*rig)
		want string
	}{
		{"by time", func(rg *rig) { rg.clock.advance(defaultAccessTTL) }, "expired"},
		{"by a test", func(rg *rig) { rg.ExpireAccess() }, "expired"},
		{"by revocation", func(rg *rig) { rg.RevokeAccess() }, "revoked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			reply := rg.tokens(t)
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
			tt.end(rg)
			a := rg.call(t, "/v1/json", reply.AccessToken)
			requireError(t, a, http.StatusUnauthorized, "invalid_token")
			require.Contains(t, a.header.Get("WWW-Authenticate"), tt.want)
			again := decodeTokens(t, rg.refresh(t, reply.RefreshToken))
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", again.AccessToken).status)
		})
	}
}

func TestTokensOfAnotherServerAreRefused(t *testing.T) {
	one, two := newRig(t), newRig(t)
	require.Equal(t, http.StatusUnauthorized, one.call(t, "/v1/json", two.tokens(t).AccessToken).status)
}
