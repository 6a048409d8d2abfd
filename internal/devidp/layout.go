package devidp

import "net/http"

// layout is where an authorization server keeps its endpoints, below its issuer.
type layout struct {
	authorize, pushed, token, revocation, userInfo, endSession, jwks string
}

var (
	plainLayout = layout{
		authorize: "/authorize", pushed: "/par", token: "/token", revocation: "/revoke",
		userInfo: "/userinfo", endSession: "/logout", jwks: "/jwks",
	}
	pingAMLayout = layout{
		authorize: "/authorize", pushed: "/par", token: "/access_token", revocation: "/token/revoke",
		userInfo: "/userinfo", endSession: "/connect/endSession", jwks: "/connect/jwk_uri",
	}
)

const (
	pingAMOAuth = "/am/oauth2/realms/root"
	pingAMJSON  = "/am/json/realms/root"
)

// issuer is one of the identities that the server answers under.
type issuer struct {
	url    string
	pingAM bool
}

func (is issuer) layout() layout {
	if is.pingAM {
		return pingAMLayout
	}
	return plainLayout
}

// issuerHandler is a handler that must know which issuer was asked.
type issuerHandler func(w http.ResponseWriter, r *http.Request, is issuer)

// resolver tells the issuer from a request's path.
type resolver func(r *http.Request) (issuer, bool)

func (s *Server) mountPlain(mux *http.ServeMux) {
	resolve := func(*http.Request) (issuer, bool) { return issuer{url: s.options.Issuer}, true }
	s.mount(mux, "", plainLayout, resolve)
}

func (s *Server) mountPingAM(mux *http.ServeMux) {
	resolve := func(r *http.Request) (issuer, bool) {
		is := issuer{url: s.options.Issuer + pingAMOAuth, pingAM: true}
		if realm := r.PathValue("realm"); realm != "" {
			is.url += "/realms/" + realm
			return is, isRealmName(realm)
		}
		return is, true
	}
	for _, realm := range []string{"", "/realms/{realm}"} {
		s.mount(mux, pingAMOAuth+realm, pingAMLayout, resolve)
		sessions := s.cors(s.struck(EndpointSessions, only(s.sessionsLogout, http.MethodPost)))
		mux.Handle(pingAMJSON+realm+"/sessions", sessions)
		mux.Handle(pingAMJSON+realm+"/sessions/{$}", sessions)
		// RFC 8414 section 3.1 puts the well-known segment before the issuer's path.
		s.mountMetadata(mux, "/.well-known/oauth-authorization-server"+pingAMOAuth+realm, resolve)
	}
}

func (s *Server) mount(mux *http.ServeMux, prefix string, at layout, resolve resolver) {
	bind := func(h issuerHandler) http.HandlerFunc { return bindIssuer(resolve, h) }

	// No CORS here: a page that could read these redirects could read codes.
	mux.Handle(prefix+at.authorize, s.struck(EndpointAuthorize, only(bind(s.authorize), http.MethodGet, http.MethodPost)))

	mux.Handle(prefix+at.pushed, s.cors(s.struck(EndpointPush, only(bind(s.push), http.MethodPost))))

	// The token endpoint takes its faults itself, once it knows the grant.
	mux.Handle(prefix+at.token, s.cors(only(bind(s.token), http.MethodPost)))
	mux.Handle(prefix+at.revocation, s.cors(s.struck(EndpointRevocation, only(bind(s.revoke), http.MethodPost))))
	mux.Handle(prefix+at.userInfo, s.cors(s.struck(EndpointUserInfo, only(bind(s.userInfo), http.MethodGet, http.MethodPost))))
	mux.Handle(prefix+at.endSession, s.cors(s.struck(EndpointEndSession, only(bind(s.endSession), http.MethodGet, http.MethodPost))))
	mux.Handle(prefix+at.jwks, s.cors(s.struck(EndpointJWKS, only(s.jwks, http.MethodGet, http.MethodHead))))
	s.mountMetadata(mux, prefix+"/.well-known/openid-configuration", resolve)
	s.mountMetadata(mux, prefix+"/.well-known/oauth-authorization-server", resolve)
}

func (s *Server) mountMetadata(mux *http.ServeMux, path string, resolve resolver) {
	mux.Handle(path, s.cors(s.struck(EndpointDiscovery, only(bindIssuer(resolve, s.discovery), http.MethodGet, http.MethodHead))))
}

func bindIssuer(resolve resolver, h issuerHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		is, ok := resolve(r)
		if !ok {
			writeError(w, http.StatusNotFound, "not_found", "there is no such realm")
			return
		}
		h(w, r, is)
	}
}

// isRealmName keeps realms to what needs no escaping in an issuer URL.
func isRealmName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
