package devidp

import (
	"net/http"
)

// userInfoReply is OpenID Connect Core section 5.3.2.
type userInfoReply struct {
	Subject string `json:"sub"`
	profileClaims
}

func (s *Server) userInfo(w http.ResponseWriter, r *http.Request, is issuer) {
	c, err := s.checkToken(r, AuthServer, userInfoAudience(is))
	if err == nil && !hasScope(c.scope, "openid") {
		err = errTokenForbidden
	}
	if err != nil {
		s.refuseToken(w, r, AuthServer, err)
		return
	}
	account, ok := s.account(c.subject)
	if !ok {
		challenge(w, r, errTokenInvalid)
		return
	}
	s.mu.Lock()
	s.stats.UserInfos++
	s.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, userInfoReply{Subject: c.subject, profileClaims: profileOf(account, c.scope)})
}
