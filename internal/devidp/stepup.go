package devidp

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// apiStepUp wants a sign-in of a certain kind (RFC 9470):
//
//	acr=      one of these contexts, separated by spaces
//	max_age=  no longer ago than these seconds
//
// A token of another sign-in gets 401 insufficient_user_authentication, with what is
// wanted in the challenge.
func (s *Server) apiStepUp(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r)
	acr, age := r.URL.Query().Get("acr"), r.URL.Query().Get("max_age")
	seconds, err := queryInt(r, "max_age", 0, 1<<31)
	if err == nil && acr != "" && !isScope(acr) {
		err = errors.New("acr must be names, separated by single spaces")
	}
	if badQuery(w, err) {
		return
	}
	wanted := ""
	if acr != "" {
		wanted += `, acr_values="` + acr + `"`
	}
	if age != "" {
		wanted += `, max_age="` + strconv.FormatInt(seconds, 10) + `"`
	}
	tooOld := age != "" && s.now().Sub(c.authTime) > time.Duration(seconds)*time.Second
	if tooOld || acr != "" && !satisfiesAny(c.acr, acr) {
		const code, description = "insufficient_user_authentication", "the sign-in is too weak or too long ago"
		w.Header().Set("WWW-Authenticate", realmFor(c.scheme)+`, error="`+code+`", error_description="`+description+`"`+wanted)
		writeError(w, http.StatusUnauthorized, code, description)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"acr": c.acr, "auth_time": c.authTime.Unix()})
}
