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
		redeem   redeemer
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
	if err != nil {
		s.writeTokenError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, reply)
}

// writeTokenError answers at the token endpoint and to pushed requests.
func (s *Server) writeTokenError(w http.ResponseWriter, err error) {
	s.sendNonce(w, AuthServer)
	var refused *tokenError
	if errors.As(err, &refused) {
		writeError(w, http.StatusBadRequest, refused.code, refused.description)
		return
	}
	writeError(w, http.StatusInternalServerError, "server_error", err.Error())
}

// checkPublicClient refuses unknown clients and those that bring credentials. The
// answer is 400 and names no scheme, since a Basic challenge makes a browser ask the
// person for a password.
func (s *Server) checkPublicClient(r *http.Request, form url.Values) error {
	if r.Header.Get("Authorization") != "" || form.Has("client_secret") || form.Has("client_assertion") {
		return invalidClient("clients are public here: send client_id and no credentials")
	}
	if _, ok := s.clients[form.Get("client_id")]; !ok {
		return invalidClient("client_id: " + errUnknownClient.Error())
	}
	return nil
}

// redemption is a token request whose client and proof are good.
type redemption struct {
	form   url.Values
	issuer issuer
	jkt    string // the key that was proved, or ""
	faults strikes
}

// redeemer serves one grant type. Its caller holds s.mu.
type redeemer func(redemption) (tokenReply, error)

// redeemFor checks what both grants have in common and counts what comes of it. A
// code or refresh token is not used up by a proof that is refused: the client of
// use_dpop_nonce has to come again.
func (s *Server) redeemFor(r *http.Request, form url.Values, is issuer, faults strikes, redeem redeemer) (tokenReply, error) {
	jkt, err := s.proveClient(r, form)
	s.mu.Lock()
	defer s.mu.Unlock()
	var reply tokenReply
	if err == nil {
		if faults.ignoreProof {
			jkt = ""
		}
		reply, err = redeem(redemption{form, is, jkt, faults})
	}
	if err != nil {
		s.stats.TokenErrors++
	}
	return reply, err
}

// proveClient returns the key that the client proved to have.
func (s *Server) proveClient(r *http.Request, form url.Values) (string, error) {
	if err := s.checkPublicClient(r, form); err != nil {
		return "", err
	}
	jkt, err := s.checkProof(r, AuthServer, "")
	if err == nil && jkt == "" && s.clients[form.Get("client_id")].RequireDPoP {
		err = invalidProof("this client must send a DPoP proof (RFC 9449)")
	}
	return jkt, err
}

// checkBinding compares the key that a code or refresh token is bound to with the one
// that was proved.
func checkBinding(bound, proved string) error {
	switch {
	case bound == "" || bound == proved:
		return nil
	case proved == "":
		return invalidProof("it is bound to a key: send a DPoP proof")
	default:
		return invalidGrant("it is bound to another key")
	}
}

// redeemCode exchanges a code. Whoever presents a code uses it up, also when the
// rest is wrong. The caller holds s.mu.
func (s *Server) redeemCode(q redemption) (tokenReply, error) {
	now := s.now()
	code := s.ledger.find(CodeToken, q.form.Get("code"))
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
	code.verifier = q.form.Get("code_verifier")
	switch {
	case !active:
		return tokenReply{}, invalidGrant("the code has expired")
	case code.grant.client != q.form.Get("client_id"):
		return tokenReply{}, invalidGrant("the code belongs to another client")
	case code.grant.issuer != q.issuer:
		return tokenReply{}, invalidGrant("the code belongs to another issuer")
	case code.redirectURI != q.form.Get("redirect_uri"):
		return tokenReply{}, invalidGrant("redirect_uri differs from the authorization request's")
	case !verifies(code.verifier, code.challenge):
		return tokenReply{}, invalidGrant("code_verifier does not belong to the code_challenge")
	}
	if err := checkBinding(code.jkt, q.jkt); err != nil && !q.faults.ignoreProof {
		return tokenReply{}, err
	}
	resource, err := code.grant.target(q.form)
	if err != nil {
		return tokenReply{}, err
	}
	code.grant.jkt = q.jkt
	refresh := ""
	if !q.faults.omitRefresh {
		refresh = s.issueRefresh(code.grant)
	}
	reply, err := s.reply(code.grant, code.scope, resource, refresh, code.grant.nonce, q.faults)
	if err == nil {
		s.stats.Exchanges++
	}
	return reply, err
}

// redeemRefresh rotates a refresh token. A used one that comes back means that two
// parties hold it, and since nobody can tell which is the thief, both lose.
// The caller holds s.mu.
func (s *Server) redeemRefresh(q redemption) (tokenReply, error) {
	old := s.ledger.find(RefreshToken, q.form.Get("refresh_token"))
	if old == nil {
		return tokenReply{}, invalidGrant("the refresh token is unknown")
	}
	switch {
	case old.grant.client != q.form.Get("client_id"):
		return tokenReply{}, invalidGrant("the refresh token belongs to another client")
	case old.grant.issuer != q.issuer:
		return tokenReply{}, invalidGrant("the refresh token belongs to another issuer")
	case old.state == stateUsed:
		old.grant.revoked = true
		s.stats.ReuseDetected++
		return tokenReply{}, invalidGrant("the refresh token was used before: its family is revoked")
	case !old.active(s.now()):
		return tokenReply{}, invalidGrant("the refresh token has expired or was revoked")
	}
	if err := checkBinding(old.jkt, q.jkt); err != nil && !q.faults.ignoreProof {
		return tokenReply{}, err
	}
	resource, err := old.grant.target(q.form)
	if err != nil {
		return tokenReply{}, err
	}
	scope := old.scope
	if asked := q.form.Get("scope"); asked != "" {
		if !isScope(asked) || !within(asked, old.scope) {
			return tokenReply{}, &tokenError{"invalid_scope", "scope exceeds what was granted"}
		}
		scope = asked
	}
	old.grant.jkt = q.jkt // a client may begin to use DPoP with a refresh
	refresh := ""
	switch {
	case q.faults.omitRefresh: // the old one stays good
	case q.faults.noRotation:
		refresh = old.value
	default:
		old.state = stateUsed
		refresh = s.issueRefresh(old.grant)
	}
	reply, err := s.reply(old.grant, scope, resource, refresh, "", q.faults)
	if err == nil {
		s.stats.Refreshes++
	}
	return reply, err
}

// reply issues what every successful answer has. The caller holds s.mu.
func (s *Server) reply(g *grant, scope, resource, refresh, nonce string, faults strikes) (tokenReply, error) {
	account, ok := s.account(g.subject)
	if !ok {
		return tokenReply{}, invalidGrant("the account is gone")
	}
	access, err := s.issueAccess(g, account, scope, resource)
	if err != nil {
		return tokenReply{}, err
	}
	kind := "Bearer"
	if g.jkt != "" {
		kind = "DPoP"
	}
	reply := tokenReply{
		AccessToken: access, RefreshToken: refresh, TokenType: kind,
		ExpiresIn: max(1, int64(s.options.AccessTTL.Seconds())), Scope: scope, Vendor: vendorMember(),
	}
	if hasScope(scope, "openid") && !slices.Contains(faults.idToken, FaultIDOmit) {
		reply.IDToken, err = s.issueID(g, account, access, nonce, faults)
	}
	return reply, err
}

func within(asked, granted string) bool {
	have := strings.Fields(granted)
	return !slices.ContainsFunc(strings.Fields(asked), func(name string) bool { return !slices.Contains(have, name) })
}
