package devidp

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
)

const headerRepeated = "X-Repeated"

var redirectStatuses = []int64{
	http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
	http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
}

// apiRedirect redirects to to=, anywhere, with status=. That is the point of it: a
// token must not follow.
func apiRedirect(w http.ResponseWriter, r *http.Request) {
	status, err := queryInt(r, "status", http.StatusFound, 599)
	if err == nil && !slices.Contains(redirectStatuses, status) {
		err = errors.New("status must be 301, 302, 303, 307 or 308")
	}
	if badQuery(w, err) {
		return
	}
	to := r.URL.Query().Get("to")
	if to == "" {
		to = "/v1/json"
	}
	w.Header().Set("Location", to)
	w.WriteHeader(int(status))
}

// apiStatus answers with any final status. error= adds the challenge of RFC 6750,
// so that a 401 can be had with and without invalid_token.
func apiStatus(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || status < 200 || status > 599 {
		refuseQuery(w, errors.New("the status must be from 200 to 599"))
		return
	}
	if code := r.URL.Query().Get("error"); code != "" {
		if !isToken(code) {
			refuseQuery(w, errors.New("error must be a token"))
			return
		}
		w.Header().Set("WWW-Authenticate", apiRealm+`, error="`+code+`"`)
	}
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
		w.WriteHeader(status)
	default:
		writeJSON(w, status, map[string]int{"status": status})
	}
}

// apiHeaders repeats headers, which must arrive apart or joined by a comma, in order.
func apiHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add(headerRepeated, "one")
	h.Add(headerRepeated, "two, with a comma")
	h.Add(headerRepeated, "three")
	h.Add("Link", `</v1/json>; rel="next"`)
	h.Add("Link", `</v1/text>; rel="prev"`)
	h.Add("Server-Timing", "db;dur=1.5")
	h.Add("Server-Timing", "app;dur=2.5")
	writeJSON(w, http.StatusOK, map[string]string{"message": "look at the headers"})
}
