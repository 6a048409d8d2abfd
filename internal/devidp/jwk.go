package devidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// jwk is a public key of RFC 7517, with the members of RFC 7518 section 6 and RFC
// 8037. It has no member for anything private.
type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	Modulus   string `json:"n,omitempty"`
	Exponent  string `json:"e,omitempty"`
	KeyID     string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
}

var errKeyKind = errors.New("a key of another kind than P-256, RSA or Ed25519")

// jwkOf writes a public key down, without a name or a purpose.
func jwkOf(public crypto.PublicKey) (jwk, error) {
	encode := base64.RawURLEncoding.EncodeToString
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4 ‖ X ‖ Y
		if err != nil || key.Curve != elliptic.P256() {
			return jwk{}, fmt.Errorf("%w: %w", errKeyKind, err)
		}
		return jwk{KeyType: "EC", Curve: "P-256", X: encode(point[1:33]), Y: encode(point[33:])}, nil
	case *rsa.PublicKey:
		return jwk{KeyType: "RSA", Modulus: encode(key.N.Bytes()), Exponent: encode(big.NewInt(int64(key.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return jwk{KeyType: "OKP", Curve: "Ed25519", X: encode(key)}, nil
	default:
		return jwk{}, errKeyKind
	}
}

// thumbprint is RFC 7638: the hash of the required members, sorted, without spaces.
func (k jwk) thumbprint() string {
	members := ""
	switch k.KeyType {
	case "EC":
		members = `{"crv":"` + k.Curve + `","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`
	case "RSA":
		members = `{"e":"` + k.Exponent + `","kty":"RSA","n":"` + k.Modulus + `"}`
	case "OKP":
		members = `{"crv":"` + k.Curve + `","kty":"OKP","x":"` + k.X + `"}`
	}
	sum := sha256.Sum256([]byte(members))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
