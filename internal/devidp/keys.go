package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
)

// keys signs with one P-256 key and publishes its public half.
type keys struct {
	private *ecdsa.PrivateKey
	public  jwk
}

// jwk is an EC public key of RFC 7517 and RFC 7518 section 6.2.
type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

func newKeys() (*keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	point, err := private.PublicKey.Bytes() // 4 ‖ X ‖ Y
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	k := jwk{
		KeyType: "EC", Curve: "P-256", Use: "sig", Algorithm: jwt.SigningMethodES256.Alg(),
		X: base64.RawURLEncoding.EncodeToString(point[1:33]),
		Y: base64.RawURLEncoding.EncodeToString(point[33:]),
	}
	// The key's name is its RFC 7638 thumbprint: required members, sorted, no spaces.
	thumbprint := sha256.Sum256([]byte(`{"crv":"` + k.Curve + `","kty":"` + k.KeyType + `","x":"` + k.X + `","y":"` + k.Y + `"}`))
	k.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	return &keys{private: private, public: k}, nil
}

// sign makes a compact JWS whose header has the given type.
func (k *keys) sign(typ string, claims jwt.Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["typ"] = typ
	t.Header["kid"] = k.public.KeyID
	signed, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// parse verifies a compact JWS of ours and its type.
func (k *keys) parse(token, typ string, claims jwt.Claims, options ...jwt.ParserOption) error {
	options = append(options, jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}), jwt.WithStrictDecoding())
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != typ || t.Header["kid"] != k.public.KeyID {
			return nil, jwt.ErrTokenUnverifiable
		}
		return &k.private.PublicKey, nil
	})
	return err
}

func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	writeJSON(w, http.StatusOK, map[string]any{"keys": []jwk{s.keys.public}})
}
