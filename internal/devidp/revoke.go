package devidp

import "net/http"

// revoke is RFC 7009. An unknown token is a success, since there is nothing left to
// do (section 2.2). A refresh token takes its whole family with it (section 2.1).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request, is issuer) {
	w.Header().Set("Cache-Control", "no-store")
	form, err := readForm(w, r)
	if err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	if form.Get("token") == "" {
		writeError(w, http.StatusBadRequest, "invalid_request", "token is missing")
		return
	}
	if _, ok := s.clients[form.Get("client_id")]; !ok {
		writeError(w, http.StatusBadRequest, "invalid_client", "client_id: "+errUnknownClient.Error())
		return
	}
	if !s.revokeFor(form.Get("client_id"), form.Get("token"), is) {
		writeError(w, http.StatusBadRequest, "unauthorized_client", "the token belongs to another client or issuer")
		return
	}
	w.WriteHeader(http.StatusOK)
}

// revokeFor says false when the token is somebody else's. token_type_hint is not
// needed: the ledger knows every token by its value.
func (s *Server) revokeFor(client, value string, is issuer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := s.ledger.find(RefreshToken, value)
	if token == nil {
		token = s.ledger.find(AccessToken, value)
	}
	if token == nil {
		s.stats.RevokedUnknown++
		return true
	}
	if token.grant.client != client || token.grant.issuer != is {
		return false
	}
	token.state = stateRevoked
	if token.kind == RefreshToken {
		token.grant.revoked = true
		s.stats.RevokedRefresh++
	} else {
		s.stats.RevokedAccess++
	}
	return true
}
