package devidp

import "net/http"

// sessionsLogout is PingAM's /json/…/sessions/?_action=logout: it ends the session
// of the cookie and leaves tokens alone.
func (s *Server) sessionsLogout(w http.ResponseWriter, r *http.Request) {
	// PingAM's own filter against CSRF: a form cannot send either header.
	if r.Header.Get("X-Requested-With") == "" && r.Header.Get("Accept-API-Version") == "" {
		writePingAMError(w, http.StatusForbidden, "Forbidden", "X-Requested-With or Accept-API-Version is missing")
		return
	}
	if r.URL.Query().Get("_action") != "logout" {
		writePingAMError(w, http.StatusNotImplemented, "Not Implemented", "only _action=logout is supported")
		return
	}
	s.mu.Lock()
	signedIn := s.currentSession(r) != nil
	if signedIn {
		s.endCookieSession(w, r)
	}
	s.mu.Unlock()
	if !signedIn {
		writePingAMError(w, http.StatusUnauthorized, "Unauthorized", "Access Denied")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{"result": "Successfully logged out"})
}

// writePingAMError uses the shape of PingAM's JSON errors.
func writePingAMError(w http.ResponseWriter, status int, reason, message string) {
	writeJSON(w, status, map[string]any{"code": status, "reason": reason, "message": message})
}
