package idtoken

import (
	"errors"

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

// algorithm is a JWS algorithm and what goes with it.
type algorithm struct {
	name           string
	keyType, curve string // of a JWK
	hash           string // WebCrypto's name
	also           string // its other name
}

// algorithms is all that is accepted. EdDSA is the older name of Ed25519 (RFC 9864
// §2.2), and of a curve that browsers do not have.
var algorithms = [...]algorithm{
	{"RS256", "RSA", "", "SHA-256", ""},
	{"PS256", "RSA", "", "SHA-256", ""},
	{"ES256", "EC", "P-256", "SHA-256", ""},
	{"EdDSA", "OKP", "Ed25519", "SHA-512", "Ed25519"},
	{"Ed25519", "OKP", "Ed25519", "SHA-512", "EdDSA"},
}

// find returns an accepted algorithm, or nil. It is not inlined, for the size of the
// binary.
//
//go:noinline
func find(name string) *algorithm {
	for i := range algorithms {
		if a := &algorithms[i]; a.name == name {
			return a
		}
	}
	return nil
}

// ChooseKeys returns the public keys of a JWK Set that a token with the algorithm
// and key ID of its header can be signed with, each as a JWK of its own that has the
// members of the public key alone. Without a key ID each key that fits is tried.
// Keys that are not understood are passed over (RFC 7517 §5).
func ChooseKeys(jwks []byte, alg, keyID string) (chosen []string, err error) {
	set, err := jsontext.ParseObject(jwks)
	if err != nil || len(jwks) > maxKeySet {
		return nil, ErrKeySet
	}
	list, err := jsontext.Elements(set.Raw("keys"))
	if err != nil {
		return nil, ErrKeySet
	}
	for _, raw := range list {
		jwk, err := jsontext.ParseObject(raw)
		if err == nil && len(chosen) < maxKeys && fits(jwk, find(alg), keyID) {
			chosen = append(chosen, jwk.Only(publicMembers))
		}
	}
	if chosen == nil {
		return nil, ErrNoKey
	}
	return chosen, nil
}

var (
	// publicMembers are those of a JWK that make a public key (RFC 7518 §6, RFC 8037
	// §2). The private one is always d, and others.
	publicMembers = []string{"kty", "crv", "n", "e", "x", "y"}
	// describing are those that say what it is for (RFC 7517 §4).
	describing = [...]string{"kty", "crv", "kid", "use", "alg"}
)

// fits reports whether a key can be used with an algorithm, its own words are not
// against it, and it is the one that the token names. Whether its numbers are a key
// is the browser's to say.
func fits(jwk *jsontext.Object, a *algorithm, keyID string) bool {
	var texts [len(describing)]string
	if a == nil || !jwk.Texts(describing[:], texts[:]) {
		return false
	}
	kid, use, alg := texts[2], texts[3], texts[4]
	if texts[0] != a.keyType || texts[1] != a.curve ||
		keyID != "" && kid != keyID ||
		use != "" && use != "sig" ||
		alg != "" && alg != a.name && alg != a.also {
		return false
	}
	if raw := jwk.Raw("key_ops"); raw != nil {
		operations, _ := jsontext.Texts(raw)
		return contains(operations, "verify")
	}
	return true
}
