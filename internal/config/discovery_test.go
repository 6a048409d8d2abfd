package config_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
)

const (
	openIDPath = "/.well-known/openid-configuration"
	oauthPath  = "/.well-known/oauth-authorization-server"
)

// authServer serves what pages hold, by path, over TLS on loopback.
type authServer struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	asked []string
}

func newAuthServer(t testing.TB) *authServer {
	t.Helper()
	s := &authServer{pages: make(map[string]http.HandlerFunc)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		page := s.pages[r.URL.Path]
		s.mu.Unlock()
		if page == nil {
			http.NotFound(w, r)
			return
		}
		page(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// metadata is a document with all endpoints of the server, changed by pairs of
// member and value; the value nil removes the member.
func (s *authServer) metadata(issuer string, pairs ...any) http.HandlerFunc {
	document := map[string]any{
		"issuer":                 issuer,
		"token_endpoint":         s.URL + "/token",
		"revocation_endpoint":    s.URL + "/revoke",
		"userinfo_endpoint":      s.URL + "/me",
		"end_session_endpoint":   s.URL + "/logout",
		"authorization_endpoint": s.URL + "/authorize",
		"scopes_supported":       []string{"openid"},
	}
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		document[name] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(document, name)
		}
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(document); err != nil {
			panic(err)
		}
	}
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte(body)); err != nil {
			panic(err)
		}
	}
}

// withIssuer is a configuration whose first client has this issuer alone.
func withIssuer(t testing.TB, issuer string, resources ...string) *config.Config {
	t.Helper()
	return parse(t, `{
		"app": { "origin": "https://app.example.com" },
		"vault": { "origin": "https://vault.example.com" },
		"clients": [
			{ "name": "main", "clientId": "spa", "issuer": "`+issuer+`" },
			{ "name": "other", "clientId": "o", "endpoints": { "token": "https://other.example/token" },
			  "resources": [`+strings.Join(resources, ",")+`] }
		]
	}`)
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		issuer string // below the server
		at     string
		asked  []string
	}{
		{"OpenID Connect", "", openIDPath, []string{openIDPath}},
		{"OpenID Connect below a path", "/tenant", "/tenant" + openIDPath, []string{"/tenant" + openIDPath}},
		{"an issuer that ends in a slash", "/", openIDPath, []string{openIDPath}},
		{"RFC 8414", "", oauthPath, []string{openIDPath, oauthPath}},
		{"RFC 8414 with a path", "/tenant/a", oauthPath + "/tenant/a", []string{"/tenant/a" + openIDPath, oauthPath + "/tenant/a"}},
		{"RFC 8414 with a path and a slash", "/tenant/", oauthPath + "/tenant", []string{"/tenant" + openIDPath, oauthPath + "/tenant"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthServer(t)
			s.pages[tt.at] = s.metadata(s.URL + tt.issuer)
			c := withIssuer(t, s.URL+tt.issuer)
			require.True(t, c.NeedsDiscovery())
			require.NoError(t, config.Discover(t.Context(), s.Client(), c))
			assert.False(t, c.NeedsDiscovery())
			table := c.Table()
			require.NoError(t, table.Check())
			assert.Equal(t, s.URL+tt.issuer, table.Clients[0].Issuer)
			assert.Equal(t, s.URL+"/token", table.Clients[0].Token.URL())
			assert.Equal(t, s.URL+"/revoke", table.Clients[0].Revocation.URL())
			assert.Equal(t, s.URL+"/me", table.Clients[0].UserInfo.URL())
			assert.Equal(t, s.URL+"/logout", table.Clients[0].EndSession.URL())
			assert.Equal(t, "https://other.example/token", table.Clients[1].Token.URL(), "left as it was")
			assert.Equal(t, tt.asked, s.asked)
		})
	}
}

func TestDiscoverOptionalEndpoints(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	s.pages[openIDPath] = s.metadata(s.URL, "revocation_endpoint", nil, "userinfo_endpoint", nil, "end_session_endpoint", nil)
	c := withIssuer(t, s.URL)
	require.NoError(t, config.Discover(t.Context(), s.Client(), c))
	e := c.Clients[0].Endpoints
	assert.Equal(t, s.URL+"/token", e.Token.URL())
	assert.True(t, e.Revocation.IsZero())
	assert.True(t, e.UserInfo.IsZero())
	assert.True(t, e.EndSession.IsZero())
}

func TestDiscoverAsksNobodyWithoutNeed(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	c := parse(t, base)
	require.NoError(t, config.Discover(t.Context(), s.Client(), c))
	assert.Equal(t, parse(t, base), c)
	assert.Empty(t, s.asked)
}

func TestDiscoverRejects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		page func(*authServer) http.HandlerFunc
		want string
	}{
		{"another issuer", func(s *authServer) http.HandlerFunc { return s.metadata("https://evil.example") }, `is of issuer "https://evil.example"`},
		{"an issuer with a slash more", func(s *authServer) http.HandlerFunc { return s.metadata(s.URL + "/") }, "is of issuer"},
		{"an issuer in another case", func(s *authServer) http.HandlerFunc { return s.metadata(strings.ToUpper(s.URL)) }, "is of issuer"},
		{"no issuer", func(s *authServer) http.HandlerFunc { return s.metadata(s.URL, "issuer", nil) }, `is of issuer ""`},
		{"no token endpoint", func(s *authServer) http.HandlerFunc { return s.metadata(s.URL, "token_endpoint", nil) }, "token_endpoint of"},
		{"an http token endpoint", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "token_endpoint", "http://auth.example.com/token")
		}, "is not https"},
		{"a relative token endpoint", func(s *authServer) http.HandlerFunc { return s.metadata(s.URL, "token_endpoint", "/token") }, "has no origin"},
		{"an http revocation endpoint", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "revocation_endpoint", "http://auth.example.com/revoke")
		}, "revocation_endpoint of"},
		{"a UserInfo endpoint with a fragment", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "userinfo_endpoint", s.URL+"/me#x")
		}, "userinfo_endpoint of"},
		{"an end-session endpoint with credentials", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "end_session_endpoint", "https://a@auth.example.com/logout")
		}, "end_session_endpoint of"},
		{"a token endpoint at the vault", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "token_endpoint", "https://vault.example.com/token")
		}, "vault's own origin"},
		{"another client's token endpoint", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "revocation_endpoint", "https://other.example/token")
		}, "for another client"},
		{"another client's resource", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "userinfo_endpoint", "https://api.other.example/me")
		}, "for another client"},
		{"a token endpoint that is the revocation endpoint", func(s *authServer) http.HandlerFunc {
			return s.metadata(s.URL, "revocation_endpoint", s.URL+"/token")
		}, "twice"},
		{"a token endpoint that is a number", func(s *authServer) http.HandlerFunc { return s.metadata(s.URL, "token_endpoint", 1) }, "cannot unmarshal"},
		{"not JSON", func(*authServer) http.HandlerFunc { return text("<!doctype html>") }, "invalid character"},
		{"too large", func(*authServer) http.HandlerFunc { return text(strings.Repeat(" ", 1<<20+1)) }, "larger than 1 MiB"},
		{"nowhere", func(*authServer) http.HandlerFunc { return nil }, "404 Not Found"},
		{"an error", func(*authServer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) }
		}, "502 Bad Gateway"},
		{"a redirect", func(s *authServer) http.HandlerFunc {
			s.pages["/elsewhere"] = s.metadata(s.URL)
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
		}, "302 Found"},
		{"a dropped connection", func(*authServer) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, "is the server up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthServer(t)
			s.pages[openIDPath] = tt.page(s)
			const resource = `{ "url": "https://api.other.example/*" }`
			c := withIssuer(t, s.URL, resource)
			err := config.Discover(t.Context(), s.Client(), c)
			require.ErrorIs(t, err, config.ErrDiscovery)
			assert.Contains(t, err.Error(), "clients[0].issuer", "the key")
			assert.Contains(t, err.Error(), tt.want)
			assert.Equal(t, withIssuer(t, s.URL, resource), c, "a failure changes nothing")
			assert.NotContains(t, s.asked, "/elsewhere")
		})
	}
}

func TestDiscoverRejectsARedirectOriginWithAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	s.pages[openIDPath] = s.metadata(s.URL)
	c := parse(t, `{
		"app": { "origin": "https://app.example.com" },
		"vault": { "origin": "https://vault.example.com" },
		"redirectOrigins": ["`+s.URL+`"],
		"clients": [{ "name": "main", "clientId": "spa", "issuer": "`+s.URL+`" }]
	}`)
	err := config.Discover(t.Context(), s.Client(), c)
	require.ErrorIs(t, err, config.ErrDiscovery)
	assert.Contains(t, err.Error(), "redirectOrigins[0]: is the origin of clients[0].issuer already")
	assert.True(t, c.NeedsDiscovery(), "a failure changes nothing")
}

func TestDiscoverReportsEveryClient(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	c := parse(t, `{
		"app": { "origin": "https://app.example.com" },
		"vault": { "origin": "https://vault.example.com" },
		"clients": [
			{ "name": "a", "clientId": "spa", "issuer": "`+s.URL+`/a" },
			{ "name": "b", "clientId": "spa", "issuer": "`+s.URL+`/b" }
		]
	}`)
	err := config.Discover(t.Context(), s.Client(), c)
	require.ErrorIs(t, err, config.ErrDiscovery)
	assert.Contains(t, err.Error(), "clients[0].issuer: ")
	assert.Contains(t, err.Error(), "clients[1].issuer: ")
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.pages[openIDPath] = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	err := config.Discover(ctx, s.Client(), withIssuer(t, s.URL))
	require.ErrorIs(t, err, config.ErrDiscovery)
	require.ErrorIs(t, err, context.Canceled)
}
