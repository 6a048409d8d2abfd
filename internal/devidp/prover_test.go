package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// prover is a client's DPoP key.
type prover struct {
	rg      *rig
	private *ecdsa.PrivateKey
	public  jwk
}

func (rg *rig) newProver(t testing.TB) *prover {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := jwkOf(private.Public())
	require.NoError(t, err)
	return &prover{rg, private, public}
}

// proof makes a proof for a request; change may spoil it.
func (p *prover) proof(t testing.TB, method, target, access string, change ...func(*jwt.Token, jwt.MapClaims)) header {
	t.Helper()
	claims := jwt.MapClaims{"htm": method, "htu": target, "iat": p.rg.clock.Now().Unix(), "jti": randomValue(16)}
	if access != "" {
		claims["ath"] = hashOf(access)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"] = typeProof
	token.Header["jwk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": p.public.X, "y": p.public.Y}
	for _, f := range change {
		f(token, claims)
	}
	signed, err := token.SignedString(p.private)
	require.NoError(t, err)
	return header{headerProof: signed}
}

func nonce(value string) func(*jwt.Token, jwt.MapClaims) {
	return func(_ *jwt.Token, c jwt.MapClaims) { c["nonce"] = value }
}

// redeem sends a form with a proof to the token endpoint.
func (p *prover) redeem(t testing.TB, form url.Values, change ...func(*jwt.Token, jwt.MapClaims)) answer {
	t.Helper()
	target := p.rg.auth + "/token"
	return p.rg.post(t, target, form, p.proof(t, http.MethodPost, target, "", change...))
}

func (p *prover) tokens(t testing.TB, pairs ...string) tokenReply {
	t.Helper()
	return decodeTokens(t, p.redeem(t, exchange(p.rg.signInAt(t, p.rg.auth+"/authorize", pairs...))))
}

// call asks the API with a token, the scheme DPoP and a proof.
func (p *prover) call(t testing.TB, path, token string, change ...func(*jwt.Token, jwt.MapClaims)) answer {
	t.Helper()
	u, err := url.Parse(p.rg.api + path)
	require.NoError(t, err)
	u.RawQuery = ""
	h := p.proof(t, http.MethodGet, u.String(), token, change...)
	h["Authorization"] = "DPoP " + token
	return p.rg.get(t, p.rg.api+path, h)
}
