package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	typeProof   = "dpop+jwt"
	maxJTI      = 256
	maxProofs   = 1 << 14
	headerProof = "DPoP"
	headerNonce = "DPoP-Nonce"
)

var errProofKey = errors.New("the header must have typ dpop+jwt and, as jwk, a public P-256 key")

// proofClaims are those of RFC 9449 section 4.2.
type proofClaims struct {
	jwt.RegisteredClaims
	Method          string `json:"htm"`
	URL             string `json:"htu"`
	AccessTokenHash string `json:"ath"`
	Nonce           string `json:"nonce"`
}

func invalidProof(description string) error { return &tokenError{"invalid_dpop_proof", description} }

// checkProof checks the DPoP proof of a request by RFC 9449 section 4.3 and returns
// the thumbprint of its key, or "" where a request has no proof. At a resource the
// proof must be for the access token as well.
func (s *Server) checkProof(r *http.Request, kind ServerKind, access string) (string, error) {
	values := r.Header.Values(headerProof)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", invalidProof("send one DPoP header")
	}
	var claims proofClaims
	jkt := ""
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation(),
	).ParseWithClaims(values[0], &claims, func(t *jwt.Token) (any, error) {
		key, thumbprint, err := proofKey(t.Header)
		jkt = thumbprint
		return key, err
	})
	if err != nil {
		return "", invalidProof("the proof cannot be verified: " + err.Error())
	}
	now := s.now()
	switch window := s.options.ProofWindow; {
	case claims.Method != r.Method:
		return "", invalidProof("htm is not the method")
	case claims.URL != s.origin(kind)+r.URL.EscapedPath():
		return "", invalidProof("htu is not the URL, without query and fragment")
	case claims.IssuedAt == nil || claims.IssuedAt.Before(now.Add(-window)) || claims.IssuedAt.After(now.Add(window)):
		return "", invalidProof("iat is too far from now")
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return "", invalidProof("jti is missing or too long")
	case access != "" && claims.AccessTokenHash != hashOf(access):
		return "", invalidProof("ath is not the hash of the access token")
	}
	return jkt, s.admitProof(jkt, claims, kind)
}

// admitProof uses a proof up. It does so before it looks at the nonce, so a client
// that is told to use another one needs a new jti for it.
func (s *Server) admitProof(jkt string, claims proofClaims, kind ServerKind) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	id := jkt + " " + claims.ID
	if _, seen := s.proofs.get(id, now); seen {
		return invalidProof("the proof was used before")
	}
	s.proofs.put(id, struct{}{}, now, claims.IssuedAt.Add(s.options.ProofWindow+time.Second))
	s.stats.Proofs++
	if nonce := s.nonces[kind]; nonce != "" && claims.Nonce != nonce {
		return &tokenError{"use_dpop_nonce", "the proof needs the nonce of the header DPoP-Nonce"}
	}
	return nil
}

// proofKey reads the key that a proof brings along.
func proofKey(header map[string]any) (*ecdsa.PublicKey, string, error) {
	members, ok := header["jwk"].(map[string]any)
	_, private := members["d"]
	if !ok || private || header["typ"] != typeProof || members["kty"] != "EC" || members["crv"] != "P-256" {
		return nil, "", errProofKey
	}
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		text, _ := members[name].(string)
		coordinate, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(coordinate) != 32 {
			return nil, "", errProofKey
		}
		point = append(point, coordinate...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, "", errProofKey
	}
	public, err := jwkOf(key)
	return key, public.thumbprint(), err
}

// hashOf is ath, and also what S256 is to a verifier.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *Server) origin(kind ServerKind) string {
	if kind == APIServer {
		return s.options.APIOrigin
	}
	return s.options.Issuer
}

// SetDPoPNonce makes one of the two origins ask for a nonce in every DPoP proof from
// now on, or, with "", for none. Another value is a rotation: the value before is
// refused at once. Each answer of the origin has the value of its time in DPoP-Nonce.
func (s *Server) SetDPoPNonce(kind ServerKind, nonce string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonces[kind] = nonce
}

// sendNonce is called when a request arrives, and again when its proof is refused:
// the nonce may have changed while a fault held the request.
func (s *Server) sendNonce(w http.ResponseWriter, kind ServerKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if nonce := s.nonces[kind]; nonce != "" {
		w.Header().Set(headerNonce, nonce)
	}
}
