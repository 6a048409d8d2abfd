package devidp

import (
	"net/http"
	"slices"
	"time"
)

// session is a browser that somebody signed in with. Its secret is the cookie; its
// id is the sid that tokens carry, which is not secret.
type session struct {
	id       string
	subject  string
	authTime time.Time
	acr      string
	members  []member
	confirm  string // stands in the sign-out form, so that no other page can send it
}

// member is a client that had somebody sign in within a session.
type member struct {
	client string
	issuer issuer
}

func (s *session) join(client string, is issuer) {
	if m := (member{client, is}); !slices.Contains(s.members, m) {
		s.members = append(s.members, m)
	}
}

// transaction is an authorization request that waits for its sign-in form.
type transaction struct {
	request authorizationRequest
	browser string // the browser that was shown the form
}

const transactionTTL = 10 * time.Minute

// cookieName has the __Host- prefix where browsers accept it, so that no other host
// of the parent domain can set the cookie.
func (s *Server) cookieName(name string) string {
	if s.secure() {
		return "__Host-devidp_" + name
	}
	return "devidp_" + name
}

func (s *Server) sessionCookie() string { return s.cookieName("session") }
func (s *Server) browserCookie() string { return s.cookieName("browser") }

// setCookie sets a host-only cookie that ends with the browser; an empty value
// removes it.
func (s *Server) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil { // http.ErrNoCookie is the only error there is
		return ""
	}
	return c.Value
}

// currentSession is nil when the browser is not signed in. The caller holds s.mu.
func (s *Server) currentSession(r *http.Request) *session {
	current, ok := s.sessions.get(cookieValue(r, s.sessionCookie()), s.now())
	if !ok {
		return nil
	}
	return current
}

// startSession signs a browser in, always under a new secret: one that was planted
// before is worth nothing. Who signs in again, for a step-up say, goes on with the
// session, so that its end reaches all its clients. The caller holds s.mu.
func (s *Server) startSession(w http.ResponseWriter, r *http.Request, subject, acr string) *session {
	now := s.now()
	current := &session{id: randomValue(16), subject: subject, authTime: now, acr: acr, confirm: randomValue(16)}
	if old := s.currentSession(r); old != nil && old.subject == subject {
		current.id, current.members = old.id, old.members
	}
	s.sessions.remove(cookieValue(r, s.sessionCookie()))
	secret := randomValue(32)
	s.sessions.put(secret, current, now, now.Add(s.options.SessionTTL))
	s.setCookie(w, s.sessionCookie(), secret)
	s.stats.SignIns++
	return current
}

// endCookieSession signs the request's browser out. The caller holds s.mu.
func (s *Server) endCookieSession(w http.ResponseWriter, r *http.Request) {
	s.sessions.remove(cookieValue(r, s.sessionCookie()))
	s.setCookie(w, s.sessionCookie(), "")
	s.stats.SignOuts++
}

// endSessionByID ends a session named by the sid of an id_token, which reaches a
// session whose cookie the request does not carry; nil is none. The caller holds s.mu.
func (s *Server) endSessionByID(id string) *session {
	for secret, entry := range s.sessions.entries {
		if entry.value.id == id {
			s.sessions.remove(secret)
			s.stats.SignOuts++
			return entry.value
		}
	}
	return nil
}
