package devidp

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// keySet fetches the published keys as a browser of the vault would.
func (rg *rig) keySet(t testing.TB) []jwk {
	t.Helper()
	a := rg.get(t, rg.auth+"/jwks", header{"Origin": vaultOrigin})
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, vaultOrigin, a.header.Get("Access-Control-Allow-Origin"))
	var set struct{ Keys []jwk }
	require.NoError(t, json.Unmarshal([]byte(a.body), &set))
	return set.Keys
}

// published finds a key in the set as a client would: by name, and with the
// algorithm that the key says.
func (rg *rig) published(t testing.TB) jwt.Keyfunc {
	t.Helper()
	number := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	set := rg.keySet(t)
	return func(token *jwt.Token) (any, error) {
		for _, k := range set {
			if k.KeyID != token.Header["kid"] || k.Algorithm != token.Method.Alg() {
				continue
			}
			switch k.KeyType {
			case "EC":
				return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, number(k.X)...), number(k.Y)...))
			case "RSA":
				return &rsa.PublicKey{N: new(big.Int).SetBytes(number(k.Modulus)), E: int(new(big.Int).SetBytes(number(k.Exponent)).Int64())}, nil
			case "OKP":
				return ed25519.PublicKey(number(k.X)), nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}
}

// verifyID checks an id_token's signature and times against what is published.
func (rg *rig) verifyID(t testing.TB, token string) (*idClaims, *jwt.Token, error) {
	t.Helper()
	var claims idClaims
	parsed, err := jwt.ParseWithClaims(token, &claims, rg.published(t), jwt.WithTimeFunc(rg.clock.Now), jwt.WithExpirationRequired())
	return &claims, parsed, err
}

func TestIDTokenAlgorithms(t *testing.T) {
	for _, alg := range []string{"ES256", "RS256", "PS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			rg := newRig(t)
			require.NoError(t, rg.SetIDTokenAlg(alg))
			require.Equal(t, []any{alg}, rg.get(t, rg.auth+"/.well-known/openid-configuration", nil).json(t)["id_token_signing_alg_values_supported"])
			reply := rg.tokens(t)
			claims, parsed, err := rg.verifyID(t, reply.IDToken)
			require.NoError(t, err)
			require.Equal(t, alg, parsed.Method.Alg())
			sum, long := sha256.Sum256([]byte(reply.AccessToken)), sha512.Sum512([]byte(reply.AccessToken))
			half := sum[:16]
			if alg == "EdDSA" {
				half = long[:32]
			}
			require.Equal(t, base64.RawURLEncoding.EncodeToString(half), claims.AccessTokenHash)
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
			hint := rg.get(t, rg.auth+"/logout?id_token_hint="+reply.IDToken, nil)
			require.Equal(t, http.StatusNoContent, hint.status)
		})
	}
}

func TestUnknownIDTokenAlgorithm(t *testing.T) {
	rg := newRig(t)
	for _, alg := range []string{"", "none", "HS256", "ES384"} {
		require.ErrorIs(t, rg.SetIDTokenAlg(alg), ErrBadAlg, alg)
	}
	_, _, err := rg.verifyID(t, rg.tokens(t).IDToken)
	require.NoError(t, err, "nothing has changed")
}

func TestRotateKeys(t *testing.T) {
	tests := []struct {
		name string
		keep bool
		keys int
	}{
		{"beside the old one", true, 2},
		{"alone", false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			old, before := rg.tokens(t), rg.keySet(t)
			require.NoError(t, rg.RotateKeys(tt.keep))
			after := rg.keySet(t)
			require.Len(t, after, tt.keys)
			require.NotEqual(t, before[0].KeyID, after[len(after)-1].KeyID)
			_, _, err := rg.verifyID(t, old.IDToken)
			require.Equal(t, tt.keep, err == nil)
			fresh := rg.tokens(t)
			_, parsed, err := rg.verifyID(t, fresh.IDToken)
			require.NoError(t, err)
			require.Equal(t, after[len(after)-1].KeyID, parsed.Header["kid"])
			for _, token := range []string{old.AccessToken, fresh.AccessToken} {
				require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", token).status)
			}
		})
	}
}

// The example of RFC 7638 section 3.1, and the one of RFC 8037 appendix A.3.
func TestThumbprint(t *testing.T) {
	require.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", jwk{
		KeyType: "RSA", Exponent: "AQAB", KeyID: "2011-04-29", Algorithm: "RS256",
		Modulus: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
	}.thumbprint())
	require.Equal(t, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", jwk{
		KeyType: "OKP", Curve: "Ed25519", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	}.thumbprint())
}
