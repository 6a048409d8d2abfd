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
	"tokenvault/internal/policy"
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
		"jwks_uri":               s.URL + "/jwks",
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

// byVault is a configuration whose client the vault signs in.
func byVault(t testing.TB, issuer, keys string) *config.Config {
	t.Helper()
	return parse(t, `{
		"app": { "origin": "https://app.example.com" },
		"vault": { "origin": "https://vault.example.com" },
		"clients": [{ "name": "main", "clientId": "spa", "issuer": "`+issuer+`", "signIn": "vault"`+keys+` }]
	}`)
}

func TestDiscoverForASignInByTheVault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		keys     string
		metadata []any
		par, iss bool
	}{
		{"what every server has", "", nil, false, false},
		{"pushed requests offered, not asked for", "", []any{"pushed_authorization_request_endpoint", "/par"}, false, false},
		{"pushed requests by configuration", `, "par": true`, []any{"pushed_authorization_request_endpoint", "/par"}, true, false},
		{"pushed requests that the server requires", "", []any{
			"pushed_authorization_request_endpoint", "/par", "require_pushed_authorization_requests", true,
		}, true, false},
		{"pushed requests that the server requires and the configuration leaves out", `, "par": false`, []any{
			"pushed_authorization_request_endpoint", "/par", "require_pushed_authorization_requests", true,
		}, true, false},
		{"iss by the server", "", []any{"authorization_response_iss_parameter_supported", true}, false, true},
		{"iss by configuration", `, "requireIss": true`, nil, false, true},
		{"S256 among others", "", []any{"code_challenge_methods_supported", []string{"plain", "S256"}}, false, false},
		{"one signature that the vault checks", "", []any{"id_token_signing_alg_values_supported", []string{"HS256", "Ed25519"}}, false, false},
		{"ES256 for DPoP", `, "dpop": true`, []any{"dpop_signing_alg_values_supported", []string{"RS256", "ES256"}}, false, false},
		{"other proofs without DPoP", "", []any{"dpop_signing_alg_values_supported", []string{"RS256"}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthServer(t)
			for i, value := range tt.metadata {
				if value == "/par" {
					tt.metadata[i] = s.URL + "/par"
				}
			}
			s.pages[openIDPath] = s.metadata(s.URL, tt.metadata...)
			c := byVault(t, s.URL, tt.keys)
			require.NoError(t, config.Discover(t.Context(), s.Client(), c))
			table := c.Table()
			require.NoError(t, table.Check())
			signIn := table.Clients[0].SignIn
			assert.Equal(t, s.URL+"/authorize", signIn.Authorization.URL())
			assert.Equal(t, s.URL+"/jwks", signIn.Keys.URL())
			assert.Equal(t, tt.iss, signIn.RequireIssuer)
			assert.Equal(t, !tt.par, signIn.Pushed.IsZero())
			if tt.par {
				assert.Equal(t, s.URL+"/par", signIn.Pushed.URL())
			}
		})
	}
}

func TestDiscoverRejectsForASignInByTheVault(t *testing.T) {
	t.Parallel()
	const issuer = "clients[0].issuer"
	tests := []struct {
		name     string
		keys     string
		metadata []any
		key      string
		want     string
	}{
		{"no authorization endpoint", "", []any{"authorization_endpoint", nil}, issuer, "authorization_endpoint of"},
		{"an http authorization endpoint", "", []any{"authorization_endpoint", "http://auth.example.com/authorize"}, issuer, "is not https"},
		{"an authorization endpoint at the app", "", []any{"authorization_endpoint", "https://app.example.com/authorize"}, issuer, "app's own origin"},
		{"an authorization endpoint elsewhere", "", []any{"authorization_endpoint", "https://evil.example/authorize"}, issuer, "other origins than its own: https://evil.example"},
		{"no key set", "", []any{"jwks_uri", nil}, issuer, "jwks_uri of"},
		{"an http key set", "", []any{"jwks_uri", "http://auth.example.com/jwks"}, issuer, "is not https"},
		{"a key set elsewhere", "", []any{"jwks_uri", "https://evil.example/jwks"}, issuer, "https://evil.example"},
		{"a key set at the vault", "", []any{"jwks_uri", "https://vault.example.com/jwks"}, issuer, "vault's own origin"},
		{"no pushed requests", `, "par": true`, nil, "clients[0].par", "pushed_authorization_request_endpoint"},
		{"required pushed requests without an endpoint", "", []any{"require_pushed_authorization_requests", true}, issuer, "pushed_authorization_request_endpoint of"},
		{"http pushed requests", `, "par": true`, []any{"pushed_authorization_request_endpoint", "http://auth.example.com/par"}, issuer, "is not https"},
		{"pushed requests elsewhere", `, "par": true`, []any{"pushed_authorization_request_endpoint", "https://evil.example/par"}, issuer, "https://evil.example"},
		{"no S256", "", []any{"code_challenge_methods_supported", []string{"plain"}}, issuer, "S256"},
		{"no challenge at all", "", []any{"code_challenge_methods_supported", []string{}}, issuer, "S256"},
		{"no ES256 for DPoP", `, "dpop": true`, []any{"dpop_signing_alg_values_supported", []string{"RS256"}}, "clients[0].dpop", "ES256"},
		{"no signature that the vault checks", "", []any{"id_token_signing_alg_values_supported", []string{"none", "HS256"}}, issuer, "none that the vault checks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newAuthServer(t)
			s.pages[openIDPath] = s.metadata(s.URL, tt.metadata...)
			c := byVault(t, s.URL, tt.keys)
			err := config.Discover(t.Context(), s.Client(), c)
			require.ErrorIs(t, err, config.ErrDiscovery)
			found := faults(t, err)[tt.key]
			require.NotEmpty(t, found, "no fault at %s in:\n%v", tt.key, err)
			assert.Contains(t, found[0].Problem, tt.want)
			assert.Equal(t, byVault(t, s.URL, tt.keys), c, "a failure changes nothing")
		})
	}
}

// A server that is spread over several hosts has its own named in the configuration.
func TestDiscoverAtOtherOrigins(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	s.pages[openIDPath] = s.metadata(s.URL,
		"token_endpoint", "https://oauth2.example.com/token", "userinfo_endpoint", "https://me.example.com/v1", "revocation_endpoint", "https://oauth2.example.com/revoke")
	with := func(origins string) *config.Config {
		return parse(t, `{
			"app": { "origin": "https://app.example.com" },
			"vault": { "origin": "https://vault.example.com" },
			"clients": [{ "name": "main", "clientId": "spa", "issuer": "`+s.URL+`"`+origins+` }]
		}`)
	}
	err := config.Discover(t.Context(), s.Client(), with(""))
	require.ErrorIs(t, err, config.ErrDiscovery)
	assert.Contains(t, err.Error(), `clients[0].issuer: has endpoints at other origins than its own: https://oauth2.example.com, https://me.example.com; `+
		`if they are the server's, add "endpointOrigins": ["https://oauth2.example.com", "https://me.example.com"]`)

	err = config.Discover(t.Context(), s.Client(), with(`, "endpointOrigins": ["https://oauth2.example.com"]`))
	require.ErrorContains(t, err, "other origins than its own: https://me.example.com;")

	c := with(`, "endpointOrigins": ["https://oauth2.example.com", "https://me.example.com"]`)
	require.NoError(t, config.Discover(t.Context(), s.Client(), c))
	assert.Equal(t, "https://oauth2.example.com/token", c.Table().Clients[0].Token.URL())
}

// What the app does by itself is nothing to find out.
func TestDiscoverForASignInByTheApp(t *testing.T) {
	t.Parallel()
	s := newAuthServer(t)
	s.pages[openIDPath] = s.metadata(s.URL, "authorization_endpoint", "https://evil.example/authorize", "jwks_uri", nil,
		"code_challenge_methods_supported", []string{"plain"}, "authorization_response_iss_parameter_supported", true)
	c := withIssuer(t, s.URL)
	require.NoError(t, config.Discover(t.Context(), s.Client(), c))
	assert.Equal(t, policy.SignIn{}, c.Table().Clients[0].SignIn)
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
