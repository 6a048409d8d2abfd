package devidp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"

	apiRealm     = `Bearer realm="devidp"`
	apiRealmDPoP = `DPoP realm="devidp", algs="ES256"`
)

// Errors of a token check. Their texts are the error_description of RFC 6750.
var (
	errNoToken        = errors.New("no token was sent")
	errMalformed      = errors.New("the Authorization header must be: Bearer <token>, or DPoP <token>")
	errTokenInvalid   = errors.New("the token is not one of this server")
	errTokenExpired   = errors.New("the token has expired")
	errTokenRevoked   = errors.New("the token was revoked")
	errTokenBound     = errors.New("the token is bound to a key: send it with the scheme DPoP and a proof")
	errTokenUnbound   = errors.New("the token is not bound to a key: send it with the scheme Bearer")
	errTokenKey       = errors.New("the token is bound to another key than the proof's")
	errTokenForbidden = errors.New("the token lacks the scope openid")
)

// caller is who a valid token speaks for.
type caller struct {
	token    string
	scheme   string
	subject  string
	client   string
	scope    string
	acr      string
	authTime time.Time
	jkt      string
	expires  int64
}

type callerKey struct{}

// callerOf is for handlers behind bearerOnly.
func callerOf(r *http.Request) caller {
	c, ok := r.Context().Value(callerKey{}).(caller)
	if !ok {
		panic("devidp: a protected handler is not behind bearerOnly") // a fault of this package
	}
	return c
}

// bearerOnly stands in front of what wants a token for one audience.
func (s *Server) bearerOnly(audience string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.checkToken(r, APIServer, audience)
		if err != nil {
			s.refuseToken(w, r, APIServer, err)
			return
		}
		// Answers differ by caller and must not outlive the token.
		w.Header().Add("Vary", "Authorization")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// checkToken accepts a token only if its signature, type, audience and expiry are
// right and the ledger holds it as active; and, if it is bound to a key, only with a
// proof of that key (RFC 9449 section 7.1).
func (s *Server) checkToken(r *http.Request, kind ServerKind, audience string) (caller, error) {
	scheme, token, err := sentToken(r)
	if err != nil {
		return caller{}, err
	}
	c, err := s.findToken(token, audience)
	if err != nil {
		return caller{}, err
	}
	c.scheme = scheme
	switch {
	case c.jkt == "" && scheme == schemeDPoP:
		return caller{}, errTokenUnbound
	case c.jkt == "":
		return c, nil
	case scheme != schemeDPoP:
		return caller{}, errTokenBound
	}
	jkt, err := s.checkProof(r, kind, token)
	switch {
	case err != nil:
		return caller{}, err
	case jkt == "":
		return caller{}, invalidProof("a DPoP proof is missing")
	case jkt != c.jkt:
		return caller{}, errTokenKey
	}
	return c, nil
}

func (s *Server) findToken(token, audience string) (caller, error) {
	now := s.now()
	var claims accessClaims
	err := s.keys.parse(token, typeAccess, &claims,
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return caller{}, errTokenExpired
	case err != nil:
		return caller{}, errTokenInvalid
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.ledger.find(AccessToken, token)
	switch {
	case held == nil || claims.Issuer != held.grant.issuer.url:
		return caller{}, errTokenInvalid
	case held.state == stateRevoked || held.grant.revoked:
		return caller{}, errTokenRevoked
	case !held.active(now):
		return caller{}, errTokenExpired
	}
	return caller{
		token: token, subject: claims.Subject, client: claims.ClientID, scope: claims.Scope,
		acr: claims.ACR, authTime: held.grant.authTime, jkt: held.jkt, expires: held.expires.Unix(),
	}, nil
}

// sentToken returns the token of a request and its scheme, as it is written here.
func sentToken(r *http.Request) (scheme, token string, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", "", errNoToken
	}
	word, token, ok := strings.Cut(values[0], " ")
	scheme = schemeBearer
	if strings.EqualFold(word, schemeDPoP) {
		scheme = schemeDPoP
	}
	if len(values) > 1 || !ok || !strings.EqualFold(word, scheme) || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", "", errMalformed
	}
	return scheme, token, nil
}

// realmFor begins a challenge.
func realmFor(scheme string) string {
	if scheme == schemeDPoP {
		return apiRealmDPoP
	}
	return apiRealm
}

// refuseToken is a challenge with the nonce of the moment.
func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, kind ServerKind, err error) {
	s.sendNonce(w, kind)
	challenge(w, r, err)
}

// challenge answers as RFC 6750 section 3 and RFC 9449 section 7.1 say. A request
// without a token gets a bare challenge, without an error code.
func challenge(w http.ResponseWriter, r *http.Request, err error) {
	status, code, description := http.StatusUnauthorized, "invalid_token", err.Error()
	var proof *tokenError
	switch {
	case errors.Is(err, errNoToken):
		w.Header().Set("WWW-Authenticate", apiRealm)
		writeError(w, status, "unauthorized", description)
		return
	case errors.Is(err, errMalformed):
		status, code = http.StatusBadRequest, "invalid_request"
	case errors.Is(err, errTokenForbidden):
		status, code = http.StatusForbidden, "insufficient_scope"
	case errors.As(err, &proof):
		code, description = proof.code, proof.description
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	realm := apiRealm
	if strings.EqualFold(scheme, schemeDPoP) || errors.Is(err, errTokenBound) {
		realm = apiRealmDPoP
	}
	w.Header().Set("WWW-Authenticate", realm+`, error="`+code+`", error_description="`+quotable(description)+`"`)
	writeError(w, status, code, description)
}

// quotable makes a text fit for a quoted-string: what a proof brought along may be in
// the description.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, s)
}
