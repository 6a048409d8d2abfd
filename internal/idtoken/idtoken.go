// Package idtoken validates the id_tokens of OpenID Connect Core, as far as that
// goes without cryptography: which tokens are read at all (Parse), which keys of the
// server may have signed one (ChooseKeys), and whether one that the server did sign
// is the answer to this sign-in (Check, CheckAtHash) or a refresh of it
// (CheckRefreshed). The signature and digests are the browser's: golang-jwt is
// 3400 KB in a WebAssembly binary.
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
	"time"

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
	// maxTime bounds times to the years that package time can add to: 9999.
	maxTime = 253_402_300_799
)

// Token is an id_token. That it was read says nothing about who wrote it.
type Token struct {
	Algorithm    string
	KeyID        string // empty if the header has none
	SigningInput []byte
	Signature    []byte

	// The claims that validation needs and their like; a claim that is not there is
	// empty.
	Issuer          string
	Subject         string
	Audiences       []string
	AuthorizedParty string
	ExpiresAt       time.Time
	IssuedAt        time.Time
	NotBefore       time.Time
	AuthTime        time.Time
	Nonce           string
	AtHash          string
	SessionID       string
	ACR             string

	claims jsontext.Object
}

// Parse reads an id_token in the compact serialization (RFC 7515 §7.1).
func Parse(compact string) (*Token, error) {
	if len(compact) > maxLength {
		return nil, ErrTooLong
	}
	switch strings.Count(compact, ".") {
	case 2:
	case 4: // RFC 7516 §7.1
		return nil, ErrEncrypted
	default:
		return nil, ErrMalformed
	}
	first, last := strings.IndexByte(compact, '.'), strings.LastIndexByte(compact, '.')
	header, err := object(compact[:first])
	if err != nil {
		return nil, err
	}
	claims, err := object(compact[first+1 : last])
	if err != nil {
		return nil, err
	}
	signature, ok := base64url.Decode(compact[last+1:])
	if !ok || len(signature) == 0 {
		return nil, ErrMalformed
	}
	t := &Token{SigningInput: []byte(compact[:last]), Signature: signature, claims: claims}
	if err := t.readHeader(header); err != nil {
		return nil, err
	}
	if !t.readClaims() {
		return nil, ErrClaim
	}
	return t, nil
}

// object reads one of the two JSON parts.
func object(part string) (jsontext.Object, error) {
	text, ok := base64url.Decode(part)
	if !ok {
		return jsontext.Object{}, ErrMalformed
	}
	o, err := jsontext.ParseObject(text)
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, jsontext.ErrDoubled):
		return o, ErrDoubled
	default:
		return o, ErrMalformed
	}
}

// readHeader reads the members of a JOSE header that matter (RFC 7515 §4.1). Keys
// and places of keys that a header names (jwk, jku, x5c, x5u) do not: whoever
// forges a token chooses them.
func (t *Token) readHeader(header jsontext.Object) error {
	if header.Raw("crit") != nil {
		return ErrCritical
	}
	var typ string
	if !text(header, "alg", &t.Algorithm) || !text(header, "kid", &t.KeyID) || !text(header, "typ", &typ) {
		return ErrMalformed
	}
	// A logout token or an access token of the same server and client has another
	// type (RFC 8725 §3.11).
	if typ != "" && !strings.EqualFold(typ, "JWT") {
		return ErrType
	}
	if kindOf(t.Algorithm) == kindNone {
		return ErrAlgorithm
	}
	return nil
}

// readClaims reads the claims that have a field. One of another type than the
// specification's is refused and not passed over, or a token could have a nonce for
// others and none for us.
func (t *Token) readClaims() bool {
	for _, claim := range [...]struct {
		name  string
		value *string
	}{
		{"iss", &t.Issuer},
		{"sub", &t.Subject},
		{"azp", &t.AuthorizedParty},
		{"nonce", &t.Nonce},
		{"at_hash", &t.AtHash},
		{"sid", &t.SessionID},
		{"acr", &t.ACR},
	} {
		if !text(t.claims, claim.name, claim.value) {
			return false
		}
	}
	for _, claim := range [...]struct {
		name  string
		value *time.Time
	}{
		{"exp", &t.ExpiresAt},
		{"iat", &t.IssuedAt},
		{"nbf", &t.NotBefore},
		{"auth_time", &t.AuthTime},
	} {
		raw := t.claims.Raw(claim.name)
		if raw == nil {
			continue
		}
		seconds, ok := jsontext.Whole(raw, maxTime)
		if !ok {
			return false
		}
		*claim.value = time.Unix(seconds, 0)
	}
	return t.readAudiences()
}

// readAudiences reads aud, which is a string or an array of strings (RFC 7519
// §4.1.3).
func (t *Token) readAudiences() bool {
	raw := t.claims.Raw("aud")
	if raw == nil {
		return true
	}
	if one, ok := jsontext.Text(raw); ok {
		t.Audiences = []string{one}
		return true
	}
	list, err := jsontext.Elements(raw)
	for _, element := range list {
		one, ok := jsontext.Text(element)
		if !ok {
			return false
		}
		t.Audiences = append(t.Audiences, one)
	}
	return err == nil
}

// text reads a string member, if it is there; false is one of another type.
func text(o jsontext.Object, name string, value *string) bool {
	raw := o.Raw(name)
	if raw == nil {
		return true
	}
	var ok bool
	*value, ok = jsontext.Text(raw)
	return ok
}

// AppendClaims appends a JSON object of the named claims that the token has, their
// values as the server wrote them.
func (t *Token) AppendClaims(dst []byte, names []string) []byte {
	return t.claims.AppendOnly(dst, names)
}
