package e2e

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// proof is what the tests read of a DPoP proof (RFC 9449 §4.2).
type proof struct {
	HTM, HTU, JTI, ATH, Nonce string
}

// proofOf reads the proof of a request.
func proofOf(t testing.TB, request devidp.Request) (p proof) {
	t.Helper()
	parts := strings.Split(request.Header.Get("Dpop"), ".")
	require.Len(t, parts, 3, "%s %s has no proof", request.Method, request.Path)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &p))
	return p
}

// proven lists the requests of a method and path, which all have a proof of their own.
func (s *site) proven(method, path string) (requests []devidp.Request) {
	s.t.Helper()
	ids := map[string]bool{}
	for _, request := range s.IDP.Requests() {
		if request.Method == method && request.Path == path {
			requests = append(requests, request)
			p := proofOf(s.t, request)
			assert.False(s.t, ids[p.JTI], "each proof is for one request")
			ids[p.JTI] = true
			assert.Equal(s.t, method, p.HTM)
		}
	}
	return requests
}

// statuses lists how requests were answered.
func statuses(requests []devidp.Request) (all []int) {
	for _, request := range requests {
		all = append(all, request.Status)
	}
	return all
}

// boundTokens checks that all tokens of a client are bound to one key.
func (s *site) boundTokens(clientID string) {
	s.t.Helper()
	keys := map[string]bool{}
	for _, token := range s.IDP.Issued() {
		if token.ClientID == clientID && (token.Kind == devidp.AccessToken || token.Kind == devidp.RefreshToken) {
			keys[token.JKT] = true
		}
	}
	assert.Len(s.t, keys, 1)
	assert.NotContains(s.t, keys, "", "a bearer token was issued")
}

// boundTokens has the tokens of a client bound to a key, and the server demand it.
func boundTokens(clientID string) func(*demo.Options) {
	return func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			for i := range c.Clients {
				if c.Clients[i].ClientID == clientID {
					c.Clients[i].DPoP = true
				}
			}
		}
		o.AuthServer = func(server *devidp.Options) {
			for i := range server.Clients {
				if server.Clients[i].ID == clientID {
					server.Clients[i].RequireDPoP = true
				}
			}
		}
	}
}

func TestVaultedTokensAreBoundToAKey(t *testing.T) {
	t.Parallel()
	// Proofs are for the URL that the API sees, which the demonstration gives to the client
	// that is first.
	s := newVaultedSite(t, boundTokens(demo.VaultedClientID), func(o *demo.Options) {
		bind := o.Configure
		o.Configure = func(c *demo.Configuration) {
			bind(c)
			first, last := &c.Clients[0], &c.Clients[len(c.Clients)-1]
			first.Resources, last.Resources = last.Resources, first.Resources
		}
	})
	s.IDP.SetDPoPNonce(devidp.AuthServer, "auth-1")
	s.IDP.SetDPoPNonce(devidp.APIServer, "api-1")
	p := s.signInAtVault()
	assert.Regexp(t, `^[A-Za-z0-9_-]{43}$`, s.authorizations()[0].Get("dpop_jkt"))
	assert.Equal(t, []int{400, 200}, statuses(s.proven("POST", "/token")), "the server asks for a nonce once")
	s.boundTokens(demo.VaultedClientID)

	ask := func() []int {
		s.IDP.ClearRequests()
		s.mustServe(p)
		return statuses(s.proven("GET", "/v1/whoami"))
	}
	assert.Equal(t, []int{401, 200}, ask())
	assert.Equal(t, []int{200}, ask(), "the nonce is kept")
	last := s.proven("GET", "/v1/whoami")[0]
	assert.True(t, strings.HasPrefix(last.Authorization, "DPoP "), last.Authorization[:5])
	sent := proofOf(t, last)
	assert.Equal(t, "api-1", sent.Nonce)
	assert.Equal(t, s.APIURL+"/v1/whoami", sent.HTU)
	assert.NotEmpty(t, sent.ATH)
	s.IDP.SetDPoPNonce(devidp.APIServer, "api-2")
	assert.Equal(t, []int{401, 200}, ask(), "a nonce that has changed")
	assert.Equal(t, []int{200}, ask())

	s.IDP.SetDPoPNonce(devidp.AuthServer, "auth-2")
	s.IDP.ClearRequests()
	eval[any](p, `await tokenvault.refresh("vaulted")`)
	assert.Equal(t, []int{400, 200}, statuses(s.proven("POST", "/token")))
	assert.Equal(t, []int{200}, ask())
	assert.Zero(t, s.IDP.Stats().ReuseDetected)
	s.boundTokens(demo.VaultedClientID)

	// Another tab has the same key.
	other := s.open(homePage)
	s.mustServe(other)
	eval[any](other, `await tokenvault.refresh("vaulted")`)
	s.boundTokens(demo.VaultedClientID)
	s.canary(p)
	s.canary(other)
}

// An SDK that knows nothing of it: the vault adds the proofs, also where the app signs in.
func TestAppsTokensAreBoundToAKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, boundTokens(demo.MainClientID))
	s.IDP.SetDPoPNonce(devidp.AuthServer, "auth-1")
	s.IDP.SetDPoPNonce(devidp.APIServer, "api-1")
	p := s.signInWithOIDC()
	s.boundTokens(demo.MainClientID)
	assert.Equal(t, []int{400, 200}, statuses(s.proven("POST", "/token")))
	for _, request := range s.proven("GET", "/userinfo") {
		assert.Contains(t, []int{200, 401}, request.Status)
		assert.True(t, strings.HasPrefix(request.Authorization, "DPoP "))
	}
	assert.Equal(t, 1, s.IDP.Stats().UserInfos)
	s.IDP.ClearRequests()
	s.mustServe(p)
	assert.Equal(t, []int{401, 200}, statuses(s.proven("GET", "/v1/whoami")))
	eval[any](p, `await tokenvault.refresh("main")`)
	s.mustServe(p)
	s.boundTokens(demo.MainClientID)
	s.canary(p)
}
