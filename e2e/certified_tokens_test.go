package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

func TestCertifiedServerBindsTokensWithNonces(t *testing.T) {
	t.Parallel()
	bound := func(o *certifiedOptions, c *demo.Configuration) {
		o.Nonces, o.Clients[0].DPoPBound, c.Clients[0].DPoP = true, true, true
	}
	for _, tc := range []struct {
		name   string
		signIn func(t *testing.T) (*site, *tab)
	}{
		{"signed in by the vault", func(t *testing.T) (*site, *tab) {
			s := newCertifiedVault(t, bound)
			p := s.signInVaultAtCertified("")
			request, _ := s.certified.last("GET", "/auth")
			assert.Len(t, request.Params["dpop_jkt"], 43)
			return s, p
		}},
		{"signed in by the vault, pushed", func(t *testing.T) (*site, *tab) {
			s := newCertifiedVault(t, bound, func(o *certifiedOptions, _ *demo.Configuration) { o.RequirePAR = true })
			return s, s.signInVaultAtCertified("")
		}},
		{"signed in by the app", func(t *testing.T) (*site, *tab) {
			s := newCertifiedSite(t, bound)
			return s, s.signInAtCertified()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, p := tc.signIn(t)
			for range 2 {
				got := eval[map[string]any](p, `return (await fetch(`+js(s.certified.whoami())+`)).json()`)
				assert.Equal(t, "DPoP", got["scheme"], "%v", got)
				assert.Equal(t, hash(s.certified.token("access").Value), got["token_sha256"])
				eval[any](p, `return tokenvault.refresh("main")`)
			}
			s.askCertified(p)
			s.canary(p)
		})
	}
}

func TestCertifiedServerSignsIDTokens(t *testing.T) {
	t.Parallel()
	algorithms := []string{"RS256", "PS256", "ES256", "EdDSA"}
	s := newCertifiedVault(t, func(o *certifiedOptions, c *demo.Configuration) {
		server, client := o.Clients[0], c.Clients[0]
		o.Clients, c.Clients = nil, nil
		for _, alg := range algorithms {
			server.ID, server.IDTokenAlg = alg, alg
			client.Name, client.ClientID = strings.ToLower(alg), alg
			client.Resources = []demo.Resource{{URL: o.API + "/" + alg + "/*"}}
			o.Clients, c.Clients = append(o.Clients, server), append(c.Clients, client)
		}
	})
	p := s.open(homePage)
	for _, alg := range algorithms {
		s.signInAgainAtCertified(p, "demo", `client: `+js(alg))
		assert.Equal(t, map[string]any{"sub": "demo"}, eval[map[string]any](p, `return tokenvault.claims(`+js(alg)+`)`), alg)
		got := eval[reply](p, `return `+asking(s.certified.API+"/"+alg+"/whoami", `{}`))
		assert.Equal(t, hash(s.certified.token("access").Value), got.Token, "%s: %v", alg, got)
		assert.Equal(t, alg, headerOf(t, s.certified.token("id").Value)["alg"])
	}
	s.canary(p)
}

// headerOf decodes the header of a JWT.
func headerOf(t testing.TB, token string) map[string]any {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	require.NoError(t, err)
	return decode[map[string]any](t, string(text))
}

// The server has other keys than at the sign-in before, and than when its form was shown.
// A session from before goes on.
func TestCertifiedServerRotatesItsKeys(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t)
	p := s.signInVaultAtCertified("")
	keys := []any{headerOf(t, s.certified.token("id").Value)["kid"]}

	s.certified.rotateKeys()
	eval[any](p, `return tokenvault.refresh("main")`)
	s.askCertified(p)
	keys = append(keys, headerOf(t, s.certified.token("id").Value)["kid"])

	mark := loginAtCertified(p, `prompt: "login"`)
	p.until(`document.querySelector("#submit") !== null`)
	s.certified.rotateKeys()
	s.certified.fillSignIn(p, "demo")
	isBackAt(p, mark)
	s.askCertified(p)
	keys = append(keys, headerOf(t, s.certified.token("id").Value)["kid"])

	for i, key := range keys {
		assert.NotContains(t, keys[:i], key, "the keys are other ones each time")
	}
	_, asked := s.certified.last("GET", "/jwks")
	assert.Equal(t, 2, asked, "at each sign-in, and only then")
	s.canary(p)
}

func TestCertifiedServerGivesATokenForEachResource(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, c *demo.Configuration) {
		o.Resources = []string{o.API + "/a", o.API + "/b"}
		c.Clients[0].Resources = nil
		for _, resource := range o.Resources {
			c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: resource + "/*", Resource: resource})
		}
	})
	p := s.signInVaultAtCertified("")
	for range 2 {
		for _, resource := range s.certified.Resources {
			got := eval[map[string]any](p, `return (await fetch(`+js(resource+"/whoami")+`)).json()`)
			assert.Equal(t, resource, got["aud"], "%v", got)
		}
	}
	_, tokens := s.certified.last("POST", "/token")
	assert.Equal(t, 2, tokens, "the second token is kept like the first")
	_, visits := s.certified.last("GET", "/auth")
	assert.Equal(t, 1, visits)
	s.canary(p)
}

func TestCertifiedServerWhoseRefreshWasLostSignsOutOnce(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t)
	p := s.signInVaultAtCertified("")
	record(p)
	s.certified.loseTokens()
	assert.Equal(t, "session_expired", eval[string](p, `return tokenvault.refresh("main").then(() => "ok", (error) => error.code)`))
	_, before := s.certified.last("POST", "/token")
	for _, token := range s.certified.issued() {
		assert.False(t, token.Live, "the %s token", token.Kind)
	}

	replies := eval[[]reply](p, `return Promise.all(Array.from({ length: 5 }, () => `+asking(s.certified.whoami(), `{}`)+`))`)
	for _, got := range replies {
		assert.Equal(t, reply{Status: 400, Error: "not_signed_in", Message: got.Message}, got)
	}
	_, after := s.certified.last("POST", "/token")
	assert.Equal(t, before, after, "nobody asks for more")
	assert.Equal(t, []string{"signedout main"}, eval[[]string](p, `return window.events`))

	// The session at the server goes on; with the tokens the user's consent ended.
	mark := loginAtCertified(p, "")
	p.until(`document.title === "Consent"`)
	s.certified.fillSignIn(p, "demo")
	isBackAt(p, mark)
	s.askCertified(p)
	s.canary(p)
}

func TestCertifiedServerWithAnotherClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []int{-300, 300} {
		t.Run(fmt.Sprint(skew, " seconds"), func(t *testing.T) {
			s := newCertifiedVault(t, func(o *certifiedOptions, c *demo.Configuration) {
				o.Skew, o.Nonces, o.Clients[0].DPoPBound, c.Clients[0].DPoP = skew, true, true, true
			})
			p := s.signInVaultAtCertified("maxAge: 60")
			s.askCertified(p)
			eval[any](p, `return tokenvault.refresh("main")`)
			s.askCertified(p)
			s.canary(p)
		})
	}
}

func TestCertifiedServerGivesRefreshTokensForConsent(t *testing.T) {
	t.Parallel()
	s := newCertifiedVault(t, func(o *certifiedOptions, _ *demo.Configuration) { o.Offline = true })
	p := s.open(homePage)
	for _, tc := range []struct {
		options   string
		renewable bool
	}{
		{"", false},
		{`prompt: "consent"`, true},
	} {
		s.signInAgainAtCertified(p, "demo", tc.options)
		assert.Equal(t, tc.renewable, eval[bool](p, `return (await tokenvault.status("main")).renewable`), tc.options)
		s.askCertified(p)
	}
	s.canary(p)
}
