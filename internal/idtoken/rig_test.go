package idtoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"maps"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// The sign-in of the tests.
const (
	issuer   = "https://auth.example.com"
	clientID = "spa"
	nonce    = "nonce-of-this-sign-in"
)

var now = time.Unix(1_800_000_000, 0)

func expected() Expected {
	return Expected{Issuer: issuer, ClientID: clientID, Nonce: nonce, Now: now, MaxAge: -1}
}

// goodClaims are the claims of a token that is accepted.
func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuer, "sub": "alice", "aud": clientID, "nonce": nonce,
		"iat": now.Unix() - 1, "exp": now.Unix() + 300,
	}
}

// claimsWith changes the good claims; nil takes one away.
func claimsWith(change map[string]any) jwt.MapClaims {
	claims := goodClaims()
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// sign makes a token with golang-jwt.
func sign(t testing.TB, claims jwt.MapClaims, header map[string]any) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	made := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	maps.Copy(made.Header, header)
	signed, err := made.SignedString(key)
	require.NoError(t, err)
	return signed
}

// parse makes a token with changed claims and reads it.
func parse(t testing.TB, change map[string]any) *Token {
	t.Helper()
	token, err := Parse(sign(t, claimsWith(change), nil))
	require.NoError(t, err)
	return token
}

// compact joins a header and claims that golang-jwt would not write.
func compact(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}
