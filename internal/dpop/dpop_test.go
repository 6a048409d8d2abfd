package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// point returns the coordinates of a public key as a JWK has them.
func point(t *testing.T, key *ecdsa.PublicKey) (x, y string) {
	t.Helper()
	raw, err := key.Bytes()
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(raw[1:33]), base64.RawURLEncoding.EncodeToString(raw[33:])
}

func TestProof(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	x, y := point(t, &private.PublicKey)
	base := Proof{ID: "an-id", Method: "POST", URL: "https://auth.example.com/token", IssuedAt: 1772366400}
	tests := []struct {
		name   string
		change func(*Proof)
		more   map[string]any // claims beside those of base
	}{
		{"at a token endpoint", func(*Proof) {}, nil},
		{"with a token", func(p *Proof) { p.TokenHash = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" }, map[string]any{"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}},
		{"with a nonce", func(p *Proof) { p.Nonce = "eyJ7S_zG.eyJH0-Z.HX4w-7v" }, map[string]any{"nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v"}},
		{"with both", func(p *Proof) { p.TokenHash, p.Nonce = "a", "n" }, map[string]any{"ath": "a", "nonce": "n"}},
		{"another method", func(p *Proof) { p.Method = "M-SEARCH" }, map[string]any{"htm": "M-SEARCH"}},
		{"a URL with an ampersand and a quote", func(p *Proof) { p.URL = `https://a.example.com/<a&b'c>"` }, map[string]any{"htu": `https://a.example.com/<a&b'c>"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			proof := base
			tt.change(&proof)
			input := Input(Key(x, y), &proof)
			signature, err := jwt.SigningMethodES256.Sign(input, private)
			require.NoError(t, err)

			claims := jwt.MapClaims{}
			token, err := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding()).ParseWithClaims(
				input+"."+base64.RawURLEncoding.EncodeToString(signature), claims,
				func(*jwt.Token) (any, error) { return &private.PublicKey, nil })
			require.NoError(t, err)
			require.Equal(t, map[string]any{
				"typ": "dpop+jwt", "alg": "ES256",
				"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y},
			}, token.Header, "the public key, and nothing of the private one")
			want := jwt.MapClaims{"jti": "an-id", "htm": "POST", "htu": "https://auth.example.com/token", "iat": 1772366400.0}
			maps.Copy(want, tt.more)
			require.Equal(t, want, claims)
		})
	}
}

// RFC 9449 §6.1 gives the thumbprint of the key in the proofs of its examples.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	key := Key("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA")
	hash := sha256.Sum256([]byte(key))
	require.Equal(t, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", base64.RawURLEncoding.EncodeToString(hash[:]))

	var members map[string]string
	require.NoError(t, json.Unmarshal([]byte(key), &members))
	require.Equal(t, []string{"crv", "kty", "x", "y"}, slices.Sorted(maps.Keys(members)))
}

func TestIsNonce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"eyJ7S_zG.eyJH0-Z.HX4w-7v": true,
		"!#[]~":                    true,
		strings.Repeat("a", 1024):  true,
		strings.Repeat("a", 1025):  false,
		"":                         false,
		"a b":                      false,
		"a\nb":                     false,
		"a\x7f":                    false,
		"a\x80":                    false,
		`a"b`:                      false,
		`a\b`:                      false,
	} {
		require.Equal(t, want, IsNonce(text), "%q", text)
	}
}
