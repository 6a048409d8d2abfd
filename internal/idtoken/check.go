package idtoken

import (
	"errors"
	"slices"
	"time"

	"tokenvault/internal/base64url"
)

// Errors of the checks: tokens that the server may have signed, but not for this.
var (
	ErrIssuer          = errors.New("the id_token is from another issuer")
	ErrAudience        = errors.New("the id_token is for another client")
	ErrAuthorizedParty = errors.New("the id_token was issued to another client, or to several and does not say to which (azp)")
	ErrSubject         = errors.New("the id_token names no user, or one with more than 255 characters (sub)")
	ErrNoTimes         = errors.New("the id_token does not say when it was issued or when it expires (iat, exp)")
	ErrExpired         = errors.New("the id_token has expired; if it is a new one, the clock of this device is wrong")
	ErrFuture          = errors.New("the id_token is from the future; the clock of this device is wrong")
	ErrNonce           = errors.New("the id_token belongs to another sign-in (nonce)")
	ErrAuthTime        = errors.New("the id_token does not say that the user signed in recently enough (auth_time); sign in again")
	ErrACR             = errors.New("the id_token does not say that the user signed in with what was asked for (acr)")
	ErrAtHash          = errors.New("the id_token belongs to another access token (at_hash)")
)

// Leeway is how wrong a clock may be.
const Leeway = 5 * time.Minute

// maxSubject is the length of a sub (OpenID Connect Core §2).
const maxSubject = 255

// Expected is what an id_token has to agree with.
type Expected struct {
	Issuer   string
	ClientID string
	Now      time.Time

	// Of the authorization request.
	Nonce     string
	MaxAge    time.Duration // since the user signed in; negative if that was not asked for
	ACRValues []string      // one of them; none if that was not asked for
}

// Check checks the id_token of a sign-in (OpenID Connect Core §3.1.3.7), all of it
// but the signature and the at_hash. Audiences beside the client are accepted where
// azp says that the token was issued to the client.
func (t *Token) Check(want Expected) error {
	now := want.Now.Unix()
	const leeway = int64(Leeway / time.Second)
	oldest := now - int64((want.MaxAge+Leeway)/time.Second)
	switch {
	case !same(t.Issuer(), want.Issuer):
		return ErrIssuer
	case want.ClientID == "" || !contains(t.audiences, want.ClientID):
		return ErrAudience
	case t.AuthorizedParty() != want.ClientID && (t.AuthorizedParty() != "" || len(t.audiences) > 1):
		return ErrAuthorizedParty
	case t.Subject() == "" || len(t.Subject()) > maxSubject:
		return ErrSubject
	case t.ExpiresAt() == 0 || t.IssuedAt() == 0:
		return ErrNoTimes
	case t.ExpiresAt()+leeway <= now:
		return ErrExpired
	case max(t.IssuedAt(), t.NotBefore(), t.AuthTime()) > now+leeway:
		return ErrFuture
	case !same(t.Nonce(), want.Nonce):
		return ErrNonce
	case want.MaxAge >= 0 && (t.AuthTime() == 0 || t.AuthTime() < oldest):
		return ErrAuthTime
	case len(want.ACRValues) > 0 && !contains(want.ACRValues, t.ACR()):
		return ErrACR
	default:
		return nil
	}
}

// same reports whether two texts are equal and say something: what was not asked for
// and not answered is no agreement.
func same(a, b string) bool { return a != "" && a == b }

// contains is not inlined, for the size of the binary.
//
//go:noinline
func contains(list []string, text string) bool { return slices.Contains(list, text) }

// HashName is the digest that the algorithm uses, by its WebCrypto name, which
// CheckAtHash needs of the access token (§3.1.3.6; for Ed25519 RFC 8032 §5.1).
func (t *Token) HashName() string { return find(t.Algorithm).hash }

// CheckAtHash compares the at_hash with the digest of the access token that came
// along (§3.1.3.8). In the code flow a token may be without.
func (t *Token) CheckAtHash(digest []byte) error {
	if t.AtHash() != "" && t.AtHash() != base64url.Encode(digest[:len(digest)/2]) {
		return ErrAtHash
	}
	return nil
}
