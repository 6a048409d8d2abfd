// Package idtoken validates the id_tokens of OpenID Connect Core, as far as that
// goes without cryptography: which tokens are read at all (Parse), which keys of the
// server may have signed one (ChooseKeys), and whether one that the server did sign
// is the answer to this sign-in (Check, CheckAtHash). The signature and digests are the
// browser's: golang-jwt is 3400 KB in a WebAssembly binary.
//
// It trusts nothing that a token says, not even which algorithm it is signed with:
// the list of algorithms is fixed, and has none that works with a secret. It refuses
// what parsers read differently (members of the same name, base64 with bits left
// over), because the server that signed a token may have read another one than we.
// Its errors say what is wrong in words for a person, and contain nothing of the
// token.
package idtoken

import (
	"errors"
	"strings"

	"tokenvault/internal/base64url"
	"tokenvault/internal/jsontext"
)

// Errors of Parse: texts that are no id_token that we read, whoever signed them.
var (
	ErrMalformed = errors.New("the id_token is not a signed JSON Web Token")
	ErrTooLong   = errors.New("the id_token is longer than 64 KiB")
	ErrEncrypted = errors.New("the id_token is encrypted; have the authorization server send this client id_tokens that are only signed")
	ErrDoubled   = errors.New("the id_token has two members of the same name")
	ErrType      = errors.New("the id_token's header says that it is another kind of token")
	ErrCritical  = errors.New("the id_token's header demands extensions (crit) that are not supported")
	ErrAlgorithm = errors.New("the id_token is signed with an algorithm that is not accepted; have the authorization server use RS256, PS256, ES256 or EdDSA for this client")
	ErrClaim     = errors.New("the id_token has a claim whose value is not of the type that OpenID Connect says")
)

const (
	maxLength = 64 << 10
	// maxTime bounds times, so that no sum overflows: the end of the year 9999.
	maxTime = 253_402_300_799
)

// headerTexts, textClaims and timeClaims are the members that validation needs, and
// their like.
var (
	headerTexts = [...]string{"alg", "kid", "typ"}
	textClaims  = [...]string{"iss", "sub", "azp", "nonce", "at_hash", "sid", "acr"}
	timeClaims  = [...]string{"exp", "iat", "nbf", "auth_time"}
)

// Token is an id_token. That it was read says nothing about who wrote it. A text
// that it does not have is empty, a time that it does not have is 0; times are in
// seconds since 1970.
type Token struct {
	Algorithm    string
	KeyID        string
	SigningInput []byte
	Signature    []byte

	claims    *jsontext.Object
	audiences []string
	texts     [len(textClaims)]string
	times     [len(timeClaims)]int64
}

// Issuer is the claim iss.
func (t *Token) Issuer() string { return t.texts[0] }

// Subject is the claim sub, the user.
func (t *Token) Subject() string { return t.texts[1] }

// AuthorizedParty is the claim azp.
func (t *Token) AuthorizedParty() string { return t.texts[2] }

// Nonce is the claim nonce.
func (t *Token) Nonce() string { return t.texts[3] }

// AtHash is the claim at_hash.
func (t *Token) AtHash() string { return t.texts[4] }

// SessionID is the claim sid (OpenID Connect Front-Channel Logout §3).
func (t *Token) SessionID() string { return t.texts[5] }

// ACR is the claim acr.
func (t *Token) ACR() string { return t.texts[6] }

// Audiences is the claim aud.
func (t *Token) Audiences() []string { return t.audiences }

// ExpiresAt is the claim exp.
func (t *Token) ExpiresAt() int64 { return t.times[0] }

// IssuedAt is the claim iat.
func (t *Token) IssuedAt() int64 { return t.times[1] }

// NotBefore is the claim nbf.
func (t *Token) NotBefore() int64 { return t.times[2] }

// AuthTime is the claim auth_time.
func (t *Token) AuthTime() int64 { return t.times[3] }

// Claims returns a JSON object of the named claims that the token has, as the server
// wrote them.
func (t *Token) Claims(names []string) string { return t.claims.Only(names) }

// Text returns a claim that is a string, "" for any other.
func (t *Token) Text(name string) string {
	text, _ := jsontext.Text(t.claims.Raw(name))
	return text
}

// Parse reads an id_token in the compact serialization (RFC 7515 §7.1).
func Parse(compact string) (*Token, error) {
	if len(compact) > maxLength {
		return nil, ErrTooLong
	}
	parts := strings.Split(compact, ".")
	if len(parts) == 5 { // RFC 7516 §7.1
		return nil, ErrEncrypted
	}
	if len(parts) != 3 {
		return nil, ErrMalformed
	}
	header, err := object(parts[0])
	if err != nil {
		return nil, err
	}
	claims, err := object(parts[1])
	if err != nil {
		return nil, err
	}
	signature, _ := base64url.Decode(parts[2])
	var texts [len(headerTexts)]string
	if len(signature) == 0 || !header.Texts(headerTexts[:], texts[:]) {
		return nil, ErrMalformed
	}
	if err := checkHeader(header, texts[0], texts[2]); err != nil {
		return nil, err
	}
	t := &Token{
		Algorithm: texts[0], KeyID: texts[1],
		SigningInput: []byte(compact[:len(parts[0])+1+len(parts[1])]), Signature: signature,
		claims: claims,
	}
	if !t.readClaims() {
		return nil, ErrClaim
	}
	return t, nil
}

// object reads one of the two JSON parts.
func object(part string) (*jsontext.Object, error) {
	text, _ := base64url.Decode(part)
	o, err := jsontext.ParseObject(text)
	if errors.Is(err, jsontext.ErrDoubled) {
		return nil, ErrDoubled
	}
	if err != nil {
		return nil, ErrMalformed
	}
	return o, nil
}

// checkHeader checks the members of a JOSE header that matter (RFC 7515 §4.1). Keys
// and places of keys that a header names (jwk, jku, x5c, x5u) do not: whoever
// forges a token chooses them.
func checkHeader(header *jsontext.Object, alg, typ string) error {
	switch {
	case header.Raw("crit") != nil:
		return ErrCritical
	// A logout token or an access token of the same server and client has another
	// type (RFC 8725 §3.11).
	case typ != "" && typ != "JWT" && typ != "jwt":
		return ErrType
	case find(alg) == nil:
		return ErrAlgorithm
	default:
		return nil
	}
}

// readClaims reads the claims that have a method. One of another type than the
// specification's is refused and not passed over, or a token could have a nonce for
// others and none for us.
func (t *Token) readClaims() bool {
	ok := t.claims.Texts(textClaims[:], t.texts[:])
	for i, name := range timeClaims {
		if raw := t.claims.Raw(name); ok && raw != nil {
			t.times[i], ok = jsontext.Whole(raw, maxTime)
		}
	}
	if raw := t.claims.Raw("aud"); ok && raw != nil { // RFC 7519 §4.1.3
		t.audiences, ok = jsontext.Texts(raw)
	}
	return ok
}
