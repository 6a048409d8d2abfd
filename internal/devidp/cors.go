package devidp

import (
	"net/http"
	"slices"
	"strings"
)

// corsMethods are the methods that a preflight is told of.
const corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// corsExposed are the response headers that a page may read. They are named one by
// one: "*" means the literal name in a request with credentials.
var corsExposed = strings.Join([]string{
	"Accept-Ranges", "Allow", "Content-Length", "Content-Range", "Date", "ETag", "Link", "Location",
	"Retry-After", "Server-Timing", "WWW-Authenticate", headerNonce,
	developmentHeader, headerEchoAuthorization, headerEchoToken, headerRepeated,
}, ", ")

// cors admits the origins of Options.AllowOrigins, with credentials, and answers
// their preflights. Others get no CORS header, so their browser keeps the answer.
func (s *Server) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if s.allowed(r.Header.Get("Origin")) {
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Allow-Credentials", "true")
			if preflight {
				h.Set("Access-Control-Allow-Methods", corsMethods)
				if names := r.Header.Get("Access-Control-Request-Headers"); isHeaderList(names) {
					h.Set("Access-Control-Allow-Headers", names)
				}
				h.Set("Access-Control-Max-Age", "600")
			} else {
				h.Set("Access-Control-Expose-Headers", corsExposed)
			}
		}
		if preflight {
			h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) allowed(origin string) bool {
	return slices.Contains(s.options.AllowOrigins, origin)
}

// isHeaderList says whether s is a non-empty comma list of header names.
func isHeaderList(s string) bool {
	for name := range strings.SplitSeq(s, ",") {
		if !isToken(strings.TrimSpace(name)) {
			return false
		}
	}
	return true
}

// isToken says whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
