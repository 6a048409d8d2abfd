package devidp

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// spoil makes the claims of an id_token wrong as told.
func (st strikes) spoil(claims *idClaims) {
	for _, kind := range st.idToken {
		switch kind {
		case FaultWrongIssuer:
			claims.Issuer = anotherIssuer(claims.Issuer)
		case FaultIDNonce:
			claims.Nonce = randomValue(16)
		case FaultIDNoNonce:
			claims.Nonce = ""
		case FaultIDAudience:
			claims.Audience = jwt.ClaimStrings{"another-client"}
		case FaultIDParty:
			claims.AuthorizedParty = "another-client"
		case FaultIDSubject:
			claims.Subject = "user-somebody-else"
		case FaultIDExpired:
			claims.IssuedAt = jwt.NewNumericDate(claims.IssuedAt.Add(-time.Hour))
			claims.ExpiresAt = jwt.NewNumericDate(claims.ExpiresAt.Add(-time.Hour))
		case FaultIDAccessHash:
			claims.AccessTokenHash = randomValue(16)
		case FaultIDAuthTime:
			claims.AuthTime = jwt.NewNumericDate(claims.AuthTime.Add(-24 * time.Hour))
		}
	}
}

// signID signs an id_token, and badly where told.
func (st strikes) signID(key *signingKey, claims idClaims) (string, error) {
	for _, kind := range st.idToken {
		switch kind {
		case FaultIDSignature:
			return badlySigned(key, claims)
		case FaultIDUnsigned:
			return signWith(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, key.public.KeyID, claims)
		case FaultIDSymmetric:
			der, err := x509.MarshalPKIXPublicKey(key.private.Public())
			if err != nil {
				return "", fmt.Errorf("encode the public key: %w", err)
			}
			secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			return signWith(jwt.SigningMethodHS256, secret, key.public.KeyID, claims)
		case FaultIDKey:
			return signWith(key.method, key.private, randomValue(32), claims)
		}
	}
	return key.sign(typeID, claims)
}

func signWith(method jwt.SigningMethod, key any, id string, claims idClaims) (string, error) {
	t := jwt.NewWithClaims(method, claims)
	t.Header["kid"] = id
	signed, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token badly: %w", err)
	}
	return signed, nil
}

// badlySigned has the signature of another text, so that only a verification tells.
func badlySigned(key *signingKey, claims idClaims) (string, error) {
	good, err := key.sign(typeID, claims)
	if err != nil {
		return "", err
	}
	claims.ID = randomValue(16)
	other, err := key.sign(typeID, claims)
	if err != nil {
		return "", err
	}
	return good[:strings.LastIndexByte(good, '.')] + other[strings.LastIndexByte(other, '.'):], nil
}

// anotherIssuer begins like the real one: a comparison must look at all of it.
func anotherIssuer(real string) string { return real + "/another" }
