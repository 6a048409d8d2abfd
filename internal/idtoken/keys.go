package idtoken

import (
	"errors"
	"slices"

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

// kind is the kind of key and digest that an algorithm uses.
type kind struct {
	keyType, curve string // as in a JWK
	numbers        string // the names of the members that are the public key
	hash           string // WebCrypto's name
}

var (
	kindRSA = kind{keyType: "RSA", numbers: "ne", hash: "SHA-256"}
	kindEC  = kind{keyType: "EC", curve: "P-256", numbers: "xy", hash: "SHA-256"}
	kindOKP = kind{keyType: "OKP", curve: "Ed25519", numbers: "x", hash: "SHA-512"}
)

// kindOf is the list of algorithms; nil is none of them. EdDSA is Ed25519 by its
// older name, which RFC 9864 §2.2 replaces; its other curve is in no browser.
func kindOf(algorithm string) *kind {
	switch algorithm {
	case "RS256", "PS256":
		return &kindRSA
	case "ES256":
		return &kindEC
	case "EdDSA", "Ed25519":
		return &kindOKP
	default:
		return nil
	}
}

// ChooseKeys returns the public keys of a JWK Set that a token with the algorithm
// and key ID of its header can be signed with, each as a JWK of its own that has the
// members of the public key alone. Without a key ID each key that fits is tried.
// Keys that are not understood are passed over (RFC 7517 §5).
func ChooseKeys(jwks []byte, algorithm, keyID string) (chosen []string, err error) {
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
	for _, raw := range list {
		if key := publicKey(raw, algorithm, keyID); key != "" && len(chosen) < maxKeys {
			chosen = append(chosen, key)
		}
	}
	if chosen == nil {
		return nil, ErrNoKey
	}
	return chosen, nil
}

// descriptions are the members of a JWK that say what it is for.
var descriptions = [...]string{"kty", "crv", "kid", "use", "alg"}

// publicKey writes a JWK with nothing but what makes the public key (RFC 7518 §6,
// RFC 8037 §2). It is empty for one that the algorithm cannot use, or whose own
// words are against it, or that is another than the token names.
func publicKey(raw []byte, algorithm, keyID string) string {
	want := kindOf(algorithm)
	jwk, err := jsontext.ParseObject(raw)
	if want == nil || err != nil {
		return ""
	}
	var texts [len(descriptions)]string
	for i, name := range descriptions {
		var ok bool
		if texts[i], ok = jwk.Text(name); !ok {
			return ""
		}
	}
	kid, use, alg := texts[2], texts[3], texts[4]
	if texts[0] != want.keyType || texts[1] != want.curve ||
		keyID != "" && kid != keyID ||
		use != "" && use != "sig" ||
		alg != "" && alg != algorithm && (want != &kindOKP || kindOf(alg) != want) {
		return ""
	}
	if raw := jwk.Raw("key_ops"); raw != nil {
		if operations, _ := jsontext.Texts(raw); !slices.Contains(operations, "verify") {
			return ""
		}
	}
	key := `{"kty":"` + want.keyType + `","crv":"` + want.curve + `"`
	if want.curve == "" {
		key = `{"kty":"` + want.keyType + `"`
	}
	for i := range want.numbers {
		name := want.numbers[i : i+1]
		value, _ := jwk.Text(name)
		if number, _ := base64url.Decode(value); len(number) == 0 {
			return ""
		}
		key += `,"` + name + `":"` + value + `"`
	}
	return key + "}"
}
