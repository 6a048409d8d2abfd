package devidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

const rsaBits = 2048

// ErrBadAlg refuses a signature algorithm that the server does not have.
var ErrBadAlg = errors.New("id_tokens are signed with ES256, RS256, PS256 or EdDSA")

// keys sign with one key an algorithm. Access tokens are always ES256; id_tokens are
// what idAlg says. A key that was rotated out goes on to verify what it signed, since
// it is this server's own; only the published set may forget it.
type keys struct {
	mu      sync.RWMutex
	idAlg   string
	current map[string]*signingKey // by algorithm
	known   map[string]*signingKey // by key ID: all that ever signed
	set     []jwk                  // what is published, the newest last
}

// signingKey is a private key and what it is published as.
type signingKey struct {
	method  jwt.SigningMethod
	private crypto.Signer
	public  jwk
}

func newKeys() (*keys, error) {
	k := &keys{
		idAlg:   jwt.SigningMethodES256.Alg(),
		current: make(map[string]*signingKey), known: make(map[string]*signingKey),
	}
	return k, k.add(k.idAlg)
}

func newSigningKey(alg string) (*signingKey, error) {
	method := jwt.GetSigningMethod(alg)
	private, err := newPrivateKey(alg)
	if err != nil {
		return nil, fmt.Errorf("make a signing key for %q: %w", alg, err)
	}
	public, err := jwkOf(private.Public())
	if err != nil {
		return nil, fmt.Errorf("encode a signing key: %w", err)
	}
	public.KeyID, public.Use, public.Algorithm = public.thumbprint(), "sig", alg
	return &signingKey{method: method, private: private, public: public}, nil
}

func newPrivateKey(alg string) (crypto.Signer, error) {
	switch alg {
	case jwt.SigningMethodES256.Alg():
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jwt.SigningMethodRS256.Alg(), jwt.SigningMethodPS256.Alg():
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case jwt.SigningMethodEdDSA.Alg():
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, ErrBadAlg
	}
}

// add makes and publishes the key of an algorithm.
func (k *keys) add(alg string) error {
	made, err := newSigningKey(alg)
	if err != nil {
		return err
	}
	k.current[alg] = made
	k.known[made.public.KeyID] = made
	k.set = append(k.set, made.public)
	return nil
}

// access is the key of access tokens, and idToken that of id_tokens.
func (k *keys) access() *signingKey { return k.of(jwt.SigningMethodES256.Alg()) }

func (k *keys) idToken() *signingKey { return k.of(k.idTokenAlg()) }

func (k *keys) of(alg string) *signingKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.current[alg]
}

func (k *keys) idTokenAlg() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.idAlg
}

func (k *keys) published() []jwk {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.set)
}

func (k *keys) setIDTokenAlg(alg string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current[alg] == nil {
		if err := k.add(alg); err != nil {
			return err
		}
	}
	k.idAlg = alg
	return nil
}

func (k *keys) rotate(keep bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !keep {
		k.set = nil
	}
	for alg := range k.current {
		if err := k.add(alg); err != nil {
			return err
		}
	}
	return nil
}

// sign makes a compact JWS whose header has the given type.
func (k *signingKey) sign(typ string, claims jwt.Claims) (string, error) {
	t := jwt.NewWithClaims(k.method, claims)
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
	_, err := jwt.NewParser(append(options, jwt.WithStrictDecoding())...).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		k.mu.RLock()
		defer k.mu.RUnlock()
		key := k.known[id]
		if key == nil || t.Header["typ"] != typ || t.Method != key.method {
			return nil, jwt.ErrTokenUnverifiable
		}
		return key.private.Public(), nil
	})
	return err
}

func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	writeJSON(w, http.StatusOK, map[string]any{"keys": s.keys.published()})
}

// RotateKeys makes new signing keys. The published set then has them beside the old
// ones, or, without keep, alone: as after a key was stolen. Tokens that an old key
// signed stay good at this server either way.
func (s *Server) RotateKeys(keep bool) error { return s.keys.rotate(keep) }

// SetIDTokenAlg says how id_tokens are signed from now on: ES256 (as at the start),
// RS256, PS256 or EdDSA. Access tokens stay with ES256.
func (s *Server) SetIDTokenAlg(alg string) error { return s.keys.setIDTokenAlg(alg) }
