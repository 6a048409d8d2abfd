package devidp

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// s256Length is the length of a SHA-256 in base64url without padding.
const s256Length = 43

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// isSHA256 checks the form of an S256 challenge (RFC 7636 section 4.2) and of a key's
// thumbprint (RFC 9449 section 10).
func isSHA256(s string) bool {
	if len(s) != s256Length {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil
}

// verifies says whether a verifier is well-formed (RFC 7636 section 4.1) and belongs
// to the challenge.
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(hashOf(verifier)), []byte(challenge)) == 1
}
