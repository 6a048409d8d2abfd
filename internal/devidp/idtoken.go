package devidp

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	idTokenTTL = 5 * time.Minute
	typeID     = "JWT"
)

// idClaims are those of OpenID Connect Core section 2.
type idClaims struct {
	jwt.RegisteredClaims
	Nonce           string           `json:"nonce,omitempty"`
	AuthTime        *jwt.NumericDate `json:"auth_time"`
	AccessTokenHash string           `json:"at_hash"`
	ACR             string           `json:"acr"`
	AMR             []string         `json:"amr"`
	AuthorizedParty string           `json:"azp"`
	Session         string           `json:"sid"`
	profileClaims
}

// issueID makes the id_token that goes with an access token. A refresh has no nonce
// of its own (OpenID Connect Core section 12.2). The caller holds s.mu.
func (s *Server) issueID(g *grant, a Account, access, nonce string, faults strikes) (string, error) {
	now := s.now()
	expires := now.Add(idTokenTTL)
	key := s.keys.idToken()
	claims := idClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    g.issuer.url,
			Subject:   g.subject,
			Audience:  jwt.ClaimStrings{g.client},
			ExpiresAt: wholeSeconds(expires),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        randomValue(16), // two in one second differ
		},
		Nonce:           nonce,
		AuthTime:        jwt.NewNumericDate(g.authTime),
		AccessTokenHash: halfHash(key.method, access),
		ACR:             g.acr, AMR: methodsOf(g.acr),
		AuthorizedParty: g.client, Session: g.session,
		profileClaims: profileOf(a, g.scope),
	}
	faults.spoil(&claims)
	value, err := faults.signID(key, claims)
	if err != nil {
		return "", err
	}
	s.ledger.add(&record{kind: IDToken, value: value, grant: g, scope: g.scope, issued: now, expires: expires})
	return value, nil
}

// halfHash is at_hash: the left half of the access token's hash, by the function that
// the signature algorithm uses (OpenID Connect Core section 3.1.3.6).
func halfHash(method jwt.SigningMethod, access string) string {
	sum := sha256.Sum256([]byte(access))
	half := sum[:len(sum)/2]
	if method == jwt.SigningMethodEdDSA { // Ed25519 is built on SHA-512
		long := sha512.Sum512([]byte(access))
		half = long[:len(long)/2]
	}
	return base64.RawURLEncoding.EncodeToString(half)
}
