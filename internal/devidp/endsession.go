package devidp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

var (
	errBadHint        = errors.New("id_token_hint is not an id_token of this issuer")
	errHintClient     = errors.New("client_id and id_token_hint name different clients")
	errBadPostLogout  = errors.New("post_logout_redirect_uri is not registered for the client; it must be equal in every character")
	errNeedsHint      = errors.New("send id_token_hint, or ask from an origin that this server admits")
	errPostLogoutNone = errors.New("post_logout_redirect_uri needs id_token_hint or client_id")
)

// signOut is a valid request of RP-initiated logout.
type signOut struct {
	hint     *idClaims // nil without id_token_hint
	redirect string
	state    string
	hasState bool
}

// endSession is OpenID Connect RP-Initiated Logout 1.0. A request that proves by a
// hint, by its origin or by our own form that it is meant is carried out; any other
// one is shown to the person first. Nothing ends when a parameter is wrong.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, is issuer) {
	w.Header().Set("Cache-Control", "no-store")
	parameters, err := readParameters(w, r)
	if err != nil {
		s.refuseSignOut(w, r, err)
		return
	}
	out, err := s.parseSignOut(parameters, is)
	if err != nil {
		s.refuseSignOut(w, r, err)
		return
	}
	s.answerSignOut(w, r, parameters, out)()
}

// answerSignOut decides under the lock and returns what writes the answer.
func (s *Server) answerSignOut(w http.ResponseWriter, r *http.Request, parameters url.Values, out signOut) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.currentSession(r)
	var ended []*session
	switch {
	case out.hint != nil:
		if current != nil && current.subject == out.hint.Subject {
			s.endCookieSession(w, r)
			ended = append(ended, current)
		}
		if named := s.endSessionByID(out.hint.Session); named != nil {
			ended = append(ended, named)
		}
	case current == nil: // nobody to sign out
	case s.allowed(r.Header.Get("Origin")), confirmed(parameters, current):
		s.endCookieSession(w, r)
		ended = append(ended, current)
	case isNavigation(r):
		return func() {
			s.page(w, http.StatusOK, "signout.html", "'self' "+formTarget(out.redirect), pageData{
				Title: "Sign out", Action: r.URL.Path, Confirm: current.confirm, Fields: repeatedFields(parameters),
			})
		}
	default:
		return func() { s.refuseSignOut(w, r, errNeedsHint) }
	}
	frames := s.farewells(ended)
	return func() { s.signedOut(w, r, out, frames) }
}

func (s *Server) parseSignOut(p url.Values, is issuer) (signOut, error) {
	out := signOut{redirect: p.Get("post_logout_redirect_uri"), state: p.Get("state"), hasState: p.Has("state")}
	client := p.Get("client_id")
	if hint := p.Get("id_token_hint"); hint != "" {
		// An expired hint is fine: it says who, not until when.
		var claims idClaims
		if err := s.keys.parse(hint, typeID, &claims, jwt.WithoutClaimsValidation()); err != nil {
			return out, fmt.Errorf("%w: %w", errBadHint, err)
		}
		if claims.Issuer != is.url {
			return out, errBadHint
		}
		if client != "" && client != claims.AuthorizedParty {
			return out, errHintClient
		}
		client = claims.AuthorizedParty
		out.hint = &claims
	}
	if out.redirect == "" {
		return out, nil
	}
	if client == "" {
		return out, errPostLogoutNone
	}
	if !slices.Contains(s.clients[client].PostLogoutRedirectURIs, out.redirect) {
		return out, errBadPostLogout
	}
	return out, nil
}

// repeatedFields are what the confirmation form must send again.
func repeatedFields(p url.Values) map[string]string {
	fields := make(map[string]string)
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state"} {
		if p.Has(name) {
			fields[name] = p.Get(name)
		}
	}
	return fields
}

func confirmed(p url.Values, current *session) bool {
	return subtle.ConstantTimeCompare([]byte(p.Get("confirm")), []byte(current.confirm)) == 1
}

// signedOut tells the browser that it is done: by the redirect that was asked for,
// by a page for a person, or by 204 for a script (as PingAM does). Where clients are
// to be told, a navigation ends at a page with their frames.
func (s *Server) signedOut(w http.ResponseWriter, r *http.Request, out signOut, frames []string) {
	next := ""
	if out.redirect != "" {
		values := url.Values{}
		if out.hasState {
			values.Set("state", out.state)
		}
		next = withQuery(out.redirect, values)
	}
	switch {
	case isNavigation(r) && (next == "" || len(frames) > 0):
		s.signedOutPage(w, next, frames)
	case next != "":
		redirectAway(w, next)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) refuseSignOut(w http.ResponseWriter, r *http.Request, err error) {
	if isNavigation(r) {
		s.errorPage(w, http.StatusBadRequest, "The sign-out request is wrong", err.Error())
		return
	}
	writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
}

// isNavigation says whether a person will look at the answer.
func isNavigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func formTarget(redirect string) string {
	if redirect == "" {
		return ""
	}
	return originOf(redirect)
}
