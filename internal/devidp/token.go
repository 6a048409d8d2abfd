package devidp

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// tokenReply is the body of RFC 6749 section 5.1. Vendor is a member that no
// specification knows: a client or a proxy in between must leave it alone.
type tokenReply struct {
	AccessToken  string      `json:"access_token"`
	RefreshToken string      `json:"refresh_token,omitempty"`
	IDToken      string      `json:"id_token,omitempty"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    int64       `json:"expires_in"`
	Scope        string      `json:"scope"`
	Vendor       vendorReply `json:"vendor"`
}

type vendorReply struct {
	Note  string   `json:"note"`
	Level float64  `json:"level"`
	Tags  []string `json:"tags"`
}

func vendorMember() vendorReply {
	return vendorReply{Note: "an extension member: keep it as it is", Level: 1.5, Tags: []string{"a", "b"}}
}

// tokenError is an error of RFC 6749 section 5.2.
type tokenError struct{ code, description string }

func (e *tokenError) Error() string { return e.code + ": " + e.description }

func invalidGrant(description string) error  { return &tokenError{"invalid_grant", description} }
func invalidClient(description string) error { return &tokenError{"invalid_client", description} }

func (s *Server) token(w http.ResponseWriter, r *http.Request, is issuer) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	form, err := readForm(w, r)
	if err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	var (
		endpoint Endpoint
		redeem   func(url.Values, issuer, strikes) (tokenReply, error)
	)
	switch form.Get("grant_type") {
	case grantCode:
		endpoint, redeem = EndpointCode, s.redeemCode
	case grantRefresh:
		endpoint, redeem = EndpointRefresh, s.redeemRefresh
	case "":
		writeError(w, http.StatusBadRequest, "invalid_request", "grant_type is missing")
		return
	default:
		writeError(w, http.StatusBadRequest, "unsupported_grant_type", "use authorization_code or refresh_token")
		return
	}
	faults := s.faults.take(endpoint, r.URL.Path)
	if faults.strike(w, r) {
		return
	}
	reply, err := s.redeemFor(r, form, is, faults, redeem)
	if faults.dropReply {
		panic(http.ErrAbortHandler) // the work is done and the client does not know
	}
	var refused *tokenError
	switch {
	case errors.As(err, &refused):
		writeError(w, http.StatusBadRequest, refused.code, refused.description)
	case err != nil:
		writeError(w, http.StatusInternalServerError, "server_error", err.Error())
	default:
		writeJSON(w, http.StatusOK, reply)
	}
}

// redeemFor checks what both grants have in common and counts what comes of it.
func (s *Server) redeemFor(
	r *http.Request, form url.Values, is issuer, faults strikes,
	redeem func(url.Values, issuer, strikes) (tokenReply, error),
) (tokenReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply, err := func() (tokenReply, error) {
		// Clients here are public. The answer is 400 and names no scheme, since a
		// Basic challenge makes a browser ask the person for a password.
		if r.Header.Get("Authorization") != "" || form.Has("client_secret") || form.Has("client_assertion") {
			return tokenReply{}, invalidClient("clients are public here: send client_id and no credentials")
		}
		if _, ok := s.clients[form.Get("client_id")]; !ok {
			return tokenReply{}, invalidClient("client_id: " + errUnknownClient.Error())
		}
		return redeem(form, is, faults)
	}()
	if err != nil {
		s.stats.TokenErrors++
	}
	return reply, err
}

// redeemCode exchanges a code. Whoever presents a code uses it up, also when the
// rest is wrong. The caller holds s.mu.
func (s *Server) redeemCode(form url.Values, is issuer, faults strikes) (tokenReply, error) {
	now := s.now()
	code := s.ledger.find(CodeToken, form.Get("code"))
	if code == nil {
		return tokenReply{}, invalidGrant("the code is unknown")
	}
	if code.state == stateUsed {
		code.grant.revoked = true
		s.stats.CodeReplays++
		return tokenReply{}, invalidGrant("the code was used before: everything it issued is revoked")
	}
	active := code.active(now)
	code.state = stateUsed
	switch {
	case !active:
		return tokenReply{}, invalidGrant("the code has expired")
	case code.grant.client != form.Get("client_id"):
		return tokenReply{}, invalidGrant("the code belongs to another client")
	case code.grant.issuer != is:
		return tokenReply{}, invalidGrant("the code belongs to another issuer")
	case code.redirectURI != form.Get("redirect_uri"):
		return tokenReply{}, invalidGrant("redirect_uri differs from the authorization request's")
	case !verifies(form.Get("code_verifier"), code.challenge):
		return tokenReply{}, invalidGrant("code_verifier does not belong to the code_challenge")
	}
	refresh := ""
	if !faults.omitRefresh {
		refresh = s.issueRefresh(code.grant)
	}
	reply, err := s.reply(code.grant, code.scope, refresh, code.grant.nonce)
	if err == nil {
		s.stats.Exchanges++
	}
	return reply, err
}

// redeemRefresh rotates a refresh token. A used one that comes back means that two
// parties hold it, and since nobody can tell which is the thief, both lose.
// The caller holds s.mu.
func (s *Server) redeemRefresh(form url.Values, is issuer, faults strikes) (tokenReply, error) {
	old := s.ledger.find(RefreshToken, form.Get("refresh_token"))
	if old == nil {
		return tokenReply{}, invalidGrant("the refresh token is unknown")
	}
	switch {
	case old.grant.client != form.Get("client_id"):
		return tokenReply{}, invalidGrant("the refresh token belongs to another client")
	case old.grant.issuer != is:
		return tokenReply{}, invalidGrant("the refresh token belongs to another issuer")
	case old.state == stateUsed:
		old.grant.revoked = true
		s.stats.ReuseDetected++
		return tokenReply{}, invalidGrant("the refresh token was used before: its family is revoked")
	case !old.active(s.now()):
		return tokenReply{}, invalidGrant("the refresh token has expired or was revoked")
	}
	scope := old.scope
	if asked := form.Get("scope"); asked != "" {
		if !isScope(asked) || !within(asked, old.scope) {
			return tokenReply{}, &tokenError{"invalid_scope", "scope exceeds what was granted"}
		}
		scope = asked
	}
	refresh := ""
	switch {
	case faults.omitRefresh: // the old one stays good
	case faults.noRotation:
		refresh = old.value
	default:
		old.state = stateUsed
		refresh = s.issueRefresh(old.grant)
	}
	reply, err := s.reply(old.grant, scope, refresh, "")
	if err == nil {
		s.stats.Refreshes++
	}
	return reply, err
}

// reply issues what every successful answer has. The caller holds s.mu.
func (s *Server) reply(g *grant, scope, refresh, nonce string) (tokenReply, error) {
	account, ok := s.account(g.subject)
	if !ok {
		return tokenReply{}, invalidGrant("the account is gone")
	}
	access, err := s.issueAccess(g, account, scope)
	if err != nil {
		return tokenReply{}, err
	}
	reply := tokenReply{
		AccessToken: access, RefreshToken: refresh, TokenType: "Bearer",
		ExpiresIn: max(1, int64(s.options.AccessTTL.Seconds())), Scope: scope, Vendor: vendorMember(),
	}
	if hasScope(scope, "openid") {
		reply.IDToken, err = s.issueID(g, account, access, nonce)
	}
	return reply, err
}

func within(asked, granted string) bool {
	have := strings.Fields(granted)
	return !slices.ContainsFunc(strings.Fields(asked), func(name string) bool { return !slices.Contains(have, name) })
}
