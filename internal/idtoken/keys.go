package idtoken

import (
	"errors"

	"tokenvault/internal/base64url"
	"tokenvault/internal/jsontext"
)

var (
	// ErrKeySet is returned for a text that is no key set.
	ErrKeySet = errors.New("the authorization server's answer is not a JSON Web Key Set (RFC 7517 section 5)")
	// ErrNoKey is returned for a key set that has no key for a token. It may be
	// older than the key.
	ErrNoKey = errors.New("the authorization server's key set has no key that the id_token can be signed with")
)

const (
	maxKeySet = 256 << 10
	// maxKeys bounds how often a signature is tried that names no key.
	maxKeys = 8
)

// kind is the kind of key that an algorithm signs with.
type kind uint8

const (
	kindNone kind = iota
	kindRSA
	kindEC
	kindOKP
)

// kindOf is the list of algorithms. EdDSA is Ed25519 by its older name, which
// RFC 9864 §2.2 replaces; its other curve is in no browser.
func kindOf(algorithm string) kind {
	switch algorithm {
	case "RS256", "PS256":
		return kindRSA
	case "ES256":
		return kindEC
	case "EdDSA", "Ed25519":
		return kindOKP
	default:
		return kindNone
	}
}

// ChooseKeys returns the public keys of a JWK Set that a token with the algorithm
// and key ID of its header can be signed with, each as a JWK of its own that has the
// members of the public key alone. Without a key ID each key that fits is tried.
// Keys that are not understood are passed over (RFC 7517 §5).
func ChooseKeys(jwks []byte, algorithm, keyID string) ([]string, error) {
	if len(jwks) > maxKeySet {
		return nil, ErrKeySet
	}
	set, err := jsontext.ParseObject(jwks)
	if err != nil {
		return nil, ErrKeySet
	}
	list, err := jsontext.Elements(set.Raw("keys"))
	if err != nil {
		return nil, ErrKeySet
	}
	var chosen []string
	for _, raw := range list {
		jwk, err := jsontext.ParseObject(raw)
		if err != nil || !fits(jwk, algorithm, keyID) {
			continue
		}
		if key, ok := publicKey(jwk, kindOf(algorithm)); ok && len(chosen) < maxKeys {
			chosen = append(chosen, key)
		}
	}
	if len(chosen) == 0 {
		return nil, ErrNoKey
	}
	return chosen, nil
}

// fits reports whether what a key says about its use allows the algorithm, and
// whether it is the one that the token names.
func fits(jwk jsontext.Object, algorithm, keyID string) bool {
	var kid, use, alg string
	if !text(jwk, "kid", &kid) || !text(jwk, "use", &use) || !text(jwk, "alg", &alg) {
		return false
	}
	switch {
	case keyID != "" && kid != keyID:
		return false
	case use != "" && use != "sig":
		return false
	case alg != "" && alg != algorithm && (kindOf(alg) != kindOKP || kindOf(algorithm) != kindOKP):
		return false
	}
	operations := jwk.Raw("key_ops")
	if operations == nil {
		return true
	}
	list, _ := jsontext.Elements(operations)
	for _, raw := range list {
		if operation, ok := jsontext.Text(raw); ok && operation == "verify" {
			return true
		}
	}
	return false
}

// publicKey writes a key with nothing but what makes the public key (RFC 7518 §6,
// RFC 8037 §2), or reports that it is of another kind.
func publicKey(jwk jsontext.Object, wanted kind) (string, bool) {
	var keyType, curve string
	var numbers []string
	switch wanted {
	case kindRSA:
		keyType, numbers = "RSA", []string{"n", "e"}
	case kindEC:
		keyType, curve, numbers = "EC", "P-256", []string{"x", "y"}
	case kindOKP:
		keyType, curve, numbers = "OKP", "Ed25519", []string{"x"}
	default:
		return "", false
	}
	var kty, crv string
	if !text(jwk, "kty", &kty) || !text(jwk, "crv", &crv) || kty != keyType || crv != curve {
		return "", false
	}
	key := []byte(`{"kty":"` + keyType + `"`)
	if curve != "" {
		key = append(key, `,"crv":"`+curve+`"`...)
	}
	for _, name := range numbers {
		var value string
		if !text(jwk, name, &value) || value == "" {
			return "", false
		}
		if _, ok := base64url.Decode(value); !ok {
			return "", false
		}
		key = append(key, `,"`+name+`":"`+value+`"`...)
	}
	return string(append(key, '}')), true
}
