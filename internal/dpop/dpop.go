// Package dpop writes proofs of possession (RFC 9449): the JSON Web Token that a
// client signs for one request, so that its tokens are of no use to who has not the
// key. It signs nothing and knows no key but the public one, and trusts its caller
// with what goes into a proof, except for the nonce, which is a server's.
package dpop

import (
	"strconv"

	"tokenvault/internal/base64url"
	"tokenvault/internal/jsontext"
)

// Key returns the JSON Web Key of a point of the curve P-256, whose coordinates are
// encoded as there. It has the members of a thumbprint and no other, in that order,
// so the thumbprint is its hash (RFC 7638 §3).
func Key(x, y string) string {
	return `{"crv":"P-256","kty":"EC","x":` + quote(x) + `,"y":` + quote(y) + `}`
}

// Proof is what a proof says (RFC 9449 §4.2).
type Proof struct {
	ID        string // of this proof alone
	Method    string
	URL       string // of the request, without query and fragment
	IssuedAt  int64  // in seconds since 1970
	TokenHash string // of the access token that goes with it, "" for none
	Nonce     string // that the server gave, "" for none
}

// Input returns what is to be signed with ES256: header and claims of the proof.
// The proof is the input, a full stop, and the encoded signature (RFC 7515 §7.1).
func Input(key string, proof *Proof) string {
	hash, nonce := "", ""
	if proof.TokenHash != "" {
		hash = `,"ath":` + quote(proof.TokenHash)
	}
	if proof.Nonce != "" {
		nonce = `,"nonce":` + quote(proof.Nonce)
	}
	return encode(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+key+`}`) + "." +
		encode(`{"jti":`+quote(proof.ID)+`,"htm":`+quote(proof.Method)+`,"htu":`+quote(proof.URL)+
			`,"iat":`+strconv.FormatInt(proof.IssuedAt, 10)+hash+nonce+`}`)
}

func encode(text string) string { return base64url.Encode([]byte(text)) }

// quote is a function of its own for the size of the binary: each append in place
// would be hundreds of bytes.
//
//go:noinline
func quote(text string) string { return string(jsontext.AppendString(nil, text)) }

// maxNonce bounds a nonce: a header of more is refused by servers, this one's too.
const maxNonce = 1024

// IsNonce reports whether text has the form of a nonce (RFC 9449 §8.1).
func IsNonce(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return text != "" && len(text) <= maxNonce
}
