package devidp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const apiRealm = `Bearer realm="devidp"`

// Errors of a Bearer check. Their texts are the error_description of RFC 6750.
var (
	errNoToken        = errors.New("no token was sent")
	errMalformed      = errors.New("the Authorization header must be: Bearer <token>")
	errTokenInvalid   = errors.New("the token is not one of this server")
	errTokenExpired   = errors.New("the token has expired")
	errTokenRevoked   = errors.New("the token was revoked")
	errTokenForbidden = errors.New("the token lacks the scope openid")
)

// caller is who a valid token speaks for.
type caller struct {
	token   string
	subject string
	client  string
	scope   string
	expires int64
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

func (s *Server) bearerOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.checkBearer(r, s.options.APIOrigin)
		if err != nil {
			challenge(w, err)
			return
		}
		// Answers differ by caller and must not outlive the token.
		w.Header().Add("Vary", "Authorization")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// checkBearer accepts a token only if its signature, type, audience and expiry are
// right and the ledger holds it as active.
func (s *Server) checkBearer(r *http.Request, audience string) (caller, error) {
	token, err := bearerToken(r)
	if err != nil {
		return caller{}, err
	}
	now := s.now()
	var claims accessClaims
	err = s.keys.parse(token, typeAccess, &claims,
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
		expires: held.expires.Unix(),
	}, nil
}

func bearerToken(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", errNoToken
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", errMalformed
	}
	return token, nil
}

// challenge answers as RFC 6750 section 3 says. A request without a token gets a
// bare challenge, without an error code.
func challenge(w http.ResponseWriter, err error) {
	status, code := http.StatusUnauthorized, "invalid_token"
	switch {
	case errors.Is(err, errNoToken):
		w.Header().Set("WWW-Authenticate", apiRealm)
		writeError(w, status, "unauthorized", err.Error())
		return
	case errors.Is(err, errMalformed):
		status, code = http.StatusBadRequest, "invalid_request"
	case errors.Is(err, errTokenForbidden):
		status, code = http.StatusForbidden, "insufficient_scope"
	}
	w.Header().Set("WWW-Authenticate", apiRealm+`, error="`+code+`", error_description="`+err.Error()+`"`)
	writeError(w, status, code, err.Error())
}
