package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/policy"
)

// base is a configuration that uses every key; the tests change it by text.
const base = `{
  "app": { "origin": "https://app.example.com", "worker": "/sw.js", "scope": "/spa/" },
  "vault": { "origin": "https://vault.example.com" },
  "requestTimeout": "10s",
  "redirectOrigins": ["https://storage.example.net", "https://cdn.example.net:8443"],
  "clients": [
    {
      "name": "main",
      "clientId": "spa",
      "scope": "openid profile",
      "issuer": "https://auth.example.com",
      "endpoints": {
        "token": "https://auth.example.com/token",
        "revocation": "https://auth.example.com/revoke",
        "userinfo": "https://auth.example.com/me",
        "endSession": "https://auth.example.com/logout"
      },
      "redact": ["access_token", "refresh_token", "id_token"],
      "refreshBefore": "1m30s",
      "resources": [
        { "url": "https://api.example.com/v1/*", "methods": ["GET", "POST"] },
        { "url": "https://api.example.com/exact" }
      ]
    },
    {
      "name": "ping",
      "clientId": "ping-spa",
      "pingam": { "baseUrl": "https://am.example.com/am", "realmPath": "alpha" }
    }
  ]
}`

const redirectOrigins = `["https://storage.example.net", "https://cdn.example.net:8443"]`

// edit replaces text in base, and insists that it is there once.
func edit(t testing.TB, pairs ...string) string {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		require.Equal(t, 1, strings.Count(text, pairs[i]), "%q in base", pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text))
	require.NoError(t, err)
	return c
}

// faults returns the KeyErrors of a joined error, by key.
func faults(t testing.TB, err error) map[string][]*config.KeyError {
	t.Helper()
	found := make(map[string][]*config.KeyError)
	var collect func(error)
	collect = func(err error) {
		switch wrapper := err.(type) {
		case *config.KeyError:
			assert.NotEmpty(t, wrapper.Problem)
			assert.NotEmpty(t, wrapper.Mend, "%s has no mend", wrapper)
			found[wrapper.Key] = append(found[wrapper.Key], wrapper)
		case interface{ Unwrap() []error }:
			for _, err := range wrapper.Unwrap() {
				collect(err)
			}
		case interface{ Unwrap() error }:
			collect(wrapper.Unwrap())
		}
	}
	collect(err)
	return found
}

func TestParse(t *testing.T) {
	t.Parallel()
	c := parse(t, base)
	assert.Equal(t, config.App{Origin: "https://app.example.com", Worker: "/sw.js", Scope: "/spa/"}, c.App)
	assert.Equal(t, config.Vault{Origin: "https://vault.example.com"}, c.Vault)
	assert.Equal(t, 10*time.Second, c.RequestTimeout)
	require.Len(t, c.Clients, 2)
	assert.False(t, c.NeedsDiscovery())

	const auth, am, realm = "https://auth.example.com", "https://am.example.com", "/am/oauth2/realms/root/realms/alpha"
	want := &policy.Table{
		AppOrigin:   "https://app.example.com",
		VaultOrigin: "https://vault.example.com",
		TimeoutMS:   10_000,

		RedirectOrigins: []string{"https://storage.example.net", "https://cdn.example.net:8443"},
		Clients: []policy.Client{{
			Name: "main", ID: "spa", Scope: "openid profile", Issuer: auth,
			Token:           policy.Endpoint{Origin: auth, Path: "/token"},
			Revocation:      policy.Endpoint{Origin: auth, Path: "/revoke"},
			UserInfo:        policy.Endpoint{Origin: auth, Path: "/me"},
			EndSession:      policy.Endpoint{Origin: auth, Path: "/logout"},
			Redact:          []string{"access_token", "refresh_token", "id_token"},
			RefreshBeforeMS: 90_000,
			Resources: []policy.Rule{
				{Origin: "https://api.example.com", Path: "/v1/*", Methods: []string{"GET", "POST"}},
				{Origin: "https://api.example.com", Path: "/exact", Methods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}},
			},
		}, {
			Name: "ping", ID: "ping-spa", Issuer: am + realm,
			Token:           policy.Endpoint{Origin: am, Path: realm + "/access_token"},
			Revocation:      policy.Endpoint{Origin: am, Path: realm + "/token/revoke"},
			UserInfo:        policy.Endpoint{Origin: am, Path: realm + "/userinfo"},
			EndSession:      policy.Endpoint{Origin: am, Path: realm + "/connect/endSession"},
			Redact:          []string{"access_token", "refresh_token"},
			RefreshBeforeMS: 30_000,
		}},
	}
	assert.Equal(t, want, c.Table())
}

func TestTableIsACopy(t *testing.T) {
	t.Parallel()
	c := parse(t, base)
	table := c.Table()
	table.Clients[0].Redact[0] = "x"
	table.Clients[0].Resources[0].Methods[0] = "x"
	table.RedirectOrigins[0] = "x"
	assert.Equal(t, parse(t, base).Table(), c.Table())
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c := parse(t, `{
		"app": { "origin": "http://app.example.localhost:8080" },
		"vault": { "origin": "http://vault.example.localhost:8081" },
		"clients": [{ "name": "main", "clientId": "spa", "issuer": "http://auth.example.localhost:8082" }]
	}`)
	assert.Equal(t, "/interceptor.js", c.App.Worker)
	assert.Equal(t, "/", c.App.Scope)
	assert.Equal(t, 30*time.Second, c.RequestTimeout)
	assert.Equal(t, 30*time.Second, c.Clients[0].RefreshBefore)
	assert.Equal(t, []string{"access_token", "refresh_token"}, c.Clients[0].Redact)
	assert.Empty(t, c.Clients[0].Scope)
	assert.Empty(t, c.Clients[0].Resources)
	assert.Empty(t, c.RedirectOrigins)
	assert.True(t, c.NeedsDiscovery())
	assert.ErrorIs(t, c.Table().Check(), policy.ErrInvalid, "no table without endpoints")
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pairs []string
	}{
		{"the whole origin", []string{"https://api.example.com/v1/*", "https://api.example.com:8443/*"}},
		{"a resource at the app's origin", []string{"https://api.example.com/v1/*", "https://app.example.com/api/*"}},
		{"a resource at an IPv4 address", []string{"https://api.example.com/v1/*", "https://192.0.2.1/v1/*"}},
		{"a resource at an IPv6 address", []string{"https://api.example.com/v1/*", "https://[2001:db8::1]:8443/v1/*"}},
		{"a resource at a local development server", []string{"https://api.example.com/v1/*", "http://api.example.localhost:8083/v1/*"}},
		{"a resource below another of the same client", []string{"https://api.example.com/exact", "https://api.example.com/v1/admin/*"}},
		{"an endpoint under a resource of the same client", []string{"https://api.example.com/exact", "https://auth.example.com/*"}},
		{"an escaped letter in a path", []string{"https://api.example.com/exact", "https://api.example.com/caf%C3%A9"}},
		{"a token endpoint with a query", []string{"https://auth.example.com/token", "https://auth.example.com/token?p=b2c_1"}},
		{"token and revocation told apart by query", []string{"https://auth.example.com/token", "https://auth.example.com/x?a=1", "https://auth.example.com/revoke", "https://auth.example.com/x?a=2"}},
		{"a token endpoint alone", []string{`,
        "revocation": "https://auth.example.com/revoke",
        "userinfo": "https://auth.example.com/me",
        "endSession": "https://auth.example.com/logout"`, ""}},
		{"endpoints without an issuer", []string{`"issuer": "https://auth.example.com",`, ""}},
		{"an issuer with a default port", []string{`"issuer": "https://auth.example.com"`, `"issuer": "https://auth.example.com:443/am"`}},
		{"an issuer with a slash", []string{`"issuer": "https://auth.example.com"`, `"issuer": "https://auth.example.com/"`}},
		{"a public suffix of two labels", []string{"https://app.example.com", "https://app.example.co.uk", "https://vault.example.com", "https://vault.example.co.uk"}},
		{"an unlisted top-level domain", []string{"https://app.example.com", "https://app.corp.internal", "https://vault.example.com", "https://vault.corp.internal"}},
		{"the app at the parent domain", []string{"https://app.example.com", "https://example.com"}},
		{"two clients of one authorization server", []string{`"pingam": { "baseUrl": "https://am.example.com/am", "realmPath": "alpha" }`, `"endpoints": {
        "token": "https://auth.example.com/token", "revocation": "https://auth.example.com/revoke",
        "userinfo": "https://auth.example.com/me", "endSession": "https://auth.example.com/logout" }`}},
		{"no refresh ahead", []string{`"1m30s"`, `"0s"`}},
		{"redact in another order", []string{`["access_token", "refresh_token", "id_token"]`, `["refresh_token", "access_token"]`}},
		{"a method of WebDAV", []string{`["GET", "POST"]`, `["PROPFIND", "VERSION-CONTROL"]`}},
		{"no redirect origins", []string{redirectOrigins, `[]`}},
		{"a redirect origin of development", []string{redirectOrigins, `["http://storage.example.localhost:8085"]`}},
		{"a redirect origin at another port of an API's host", []string{redirectOrigins, `["https://api.example.com:8443"]`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := parse(t, edit(t, tt.pairs...))
			table := c.Table()
			require.NoError(t, table.Check())
			decoded, err := policy.Decode(policy.Encode(table))
			require.NoError(t, err)
			assert.Equal(t, table, decoded)
		})
	}
}

func TestRejects(t *testing.T) {
	t.Parallel()
	const (
		app        = `"https://app.example.com"`
		vault      = `"https://vault.example.com"`
		token      = `"https://auth.example.com/token"`
		resource   = `"https://api.example.com/v1/*"`
		resourceAt = "clients[0].resources[0].url"
		tokenAt    = "clients[0].endpoints.token"
		issuer     = `"issuer": "https://auth.example.com"`
		methods    = `["GET", "POST"]`
		redact     = `["access_token", "refresh_token", "id_token"]`
		preset     = `"pingam": { "baseUrl": "https://am.example.com/am", "realmPath": "alpha" }`
		storage    = `"https://storage.example.net"`
		storageAt  = "redirectOrigins[0]"
	)
	tests := []struct {
		name    string
		pairs   []string
		key     string
		problem string
	}{
		// keys
		{"an unknown key at the top", []string{`"requestTimeout"`, `"timeout"`}, "timeout", "unknown key"},
		{"an unknown key in app", []string{`"worker"`, `"serviceWorker"`}, "app.serviceWorker", "unknown key"},
		{"an unknown key in vault", []string{`{ "origin": ` + vault + ` }`, `{ "origin": ` + vault + `, "x": null }`}, "vault.x", "unknown key"},
		{"an unknown key in a client", []string{`"refreshBefore"`, `"refresh"`}, "clients[0].refresh", "unknown key"},
		{"an unknown key in endpoints", []string{`"revocation"`, `"revoke"`}, "clients[0].endpoints.revoke", "unknown key"},
		{"an unknown key in pingam", []string{`"realmPath"`, `"realm"`}, "clients[1].pingam.realm", "unknown key"},
		{"an unknown key in a resource", []string{`"methods"`, `"method"`}, "clients[0].resources[0].method", "unknown key"},
		{"a key in another case", []string{`"clientId": "spa"`, `"clientID": "spa"`}, "clients[0].clientID", "unknown key"},
		{"a key twice", []string{`"requestTimeout": "10s"`, `"requestTimeout": "10s", "requestTimeout": "10s"`}, "requestTimeout", "given twice"},
		{"a key twice in a client", []string{`"clientId": "spa"`, `"clientId": "evil", "clientId": "spa"`}, "clients[0].clientId", "given twice"},
		{"a key twice by an escape", []string{`"clientId": "spa"`, `"client\u0049d": "evil", "clientId": "spa"`}, "clients[0].clientId", "given twice"},
		{"a key twice in a resource", []string{`"methods": ` + methods, `"methods": [], "methods": ` + methods}, "clients[0].resources[0].methods", "given twice"},

		// missing
		{"no app", []string{`"app"`, `"x"`}, "app", "is missing"},
		{"no vault", []string{`"vault"`, `"x"`}, "vault", "is missing"},
		{"no app origin", []string{`"origin": ` + app + `, `, ""}, "app.origin", "is missing"},
		{"no clients", []string{`"clients"`, `"x"`}, "clients", "is missing"},
		{"no name", []string{`"name": "main",`, ""}, "clients[0].name", "is missing"},
		{"no clientId", []string{`"clientId": "spa",`, ""}, "clients[0].clientId", "is missing"},
		{"no token endpoint", []string{`"token": ` + token + `,`, ""}, tokenAt, "is missing"},
		{"no resource url", []string{`"url": ` + resource + `,`, ""}, resourceAt, "is missing"},
		{"no baseUrl", []string{`"baseUrl": "https://am.example.com/am", `, ""}, "clients[1].pingam.baseUrl", "is missing"},
		{"no server", []string{`,
      ` + preset, ""}, "clients[1].issuer", "is missing"},

		// empty
		{"an empty app origin", []string{app, `""`}, "app.origin", "is empty"},
		{"an empty name", []string{`"main"`, `""`}, "clients[0].name", "is empty"},
		{"an empty clientId", []string{`"spa"`, `""`}, "clients[0].clientId", "is empty"},
		{"an empty issuer", []string{issuer, `"issuer": ""`}, "clients[0].issuer", "is empty"},
		{"an empty scope", []string{`"openid profile"`, `""`}, "clients[0].scope", "is empty"},
		{"an empty resource url", []string{resource, `""`}, resourceAt, "is empty"},
		{"an empty revocation endpoint", []string{`"https://auth.example.com/revoke"`, `""`}, "clients[0].endpoints.revocation", "is empty"},
		{"empty methods", []string{methods, `[]`}, "clients[0].resources[0].methods", "is empty"},
		{"empty redact", []string{redact, `[]`}, "clients[0].redact", "does not name access_token"},

		// types
		{"app is a string", []string{`{ "origin": ` + app + `, "worker": "/sw.js", "scope": "/spa/" }`, app}, "app", "not an object"},
		{"vault is null", []string{`{ "origin": ` + vault + ` }`, "null"}, "vault", "not an object"},
		{"origin is a number", []string{vault, "1"}, "vault.origin", "not a string"},
		{"timeout is a number", []string{`"10s"`, "10"}, "requestTimeout", "not a string"},
		{"redact is a string", []string{redact, `"access_token"`}, "clients[0].redact", "not an array"},
		{"redact holds a boolean", []string{redact, `["access_token", "refresh_token", true]`}, "clients[0].redact[2]", "not a string"},
		{"methods is a string", []string{methods, `"GET"`}, "clients[0].resources[0].methods", "not an array"},
		{"a method is null", []string{methods, `["GET", null]`}, "clients[0].resources[0].methods[1]", "not a string"},
		{"endpoints is an array", []string{`"userinfo": "https://auth.example.com/me"`, `"userinfo": []`}, "clients[0].endpoints.userinfo", "not a string"},
		{"pingam is a string", []string{preset, `"pingam": "https://am.example.com/am"`}, "clients[1].pingam", "not an object"},
		{"issuer is a number", []string{issuer, `"issuer": 1`}, "clients[0].issuer", "not a string"},

		// origins of the app and the vault
		{"equal origins", []string{vault, app}, "vault.origin", "equals app.origin"},
		{"one host, two ports", []string{vault, `"https://app.example.com:8443"`}, "vault.origin", "has the host of app.origin"},
		{"no common parent", []string{vault, `"https://vault.example.org"`}, "vault.origin", "parent domain"},
		{"a public suffix as the common parent", []string{app, `"https://app.co.uk"`, vault, `"https://vault.co.uk"`}, "vault.origin", "parent domain"},
		{"a private suffix as the common parent", []string{app, `"https://app.github.io"`, vault, `"https://vault.github.io"`}, "vault.origin", "parent domain"},
		{"a bare localhost as the common parent", []string{app, `"http://app.localhost:8080"`, vault, `"http://vault.localhost:8081"`}, "vault.origin", "parent domain"},
		{"two schemes", []string{app, `"https://app.example.localhost"`, vault, `"http://vault.example.localhost"`}, "vault.origin", "another scheme"},
		{"a public suffix", []string{app, `"https://co.uk"`}, "app.origin", "public suffix"},
		{"an IP address", []string{vault, `"https://192.0.2.1"`}, "vault.origin", "IP address"},
		{"an http app", []string{app, `"http://app.example.com"`}, "app.origin", "not https"},
		{"an http vault at a host that ends like localhost", []string{vault, `"http://vault.evillocalhost"`}, "vault.origin", "not https"},
		{"http at the bare localhost", []string{vault, `"http://localhost:8080"`}, "vault.origin", "not https"},
		{"an origin with a slash", []string{app, `"https://app.example.com/"`}, "app.origin", "more than an origin"},
		{"an origin with a path", []string{app, `"https://app.example.com/spa"`}, "app.origin", "more than an origin"},
		{"an origin with a query", []string{app, `"https://app.example.com?x"`}, "app.origin", "more than an origin"},
		{"an origin with an empty query", []string{app, `"https://app.example.com?"`}, "app.origin", "more than an origin"},
		{"an origin with a fragment", []string{app, `"https://app.example.com#x"`}, "app.origin", "fragment"},
		{"an origin with the default port", []string{app, `"https://app.example.com:443"`}, "app.origin", "default port"},
		{"a local origin with the default port", []string{app, `"http://app.example.localhost:80"`}, "app.origin", "default port"},
		{"a port that browsers block", []string{app, `"https://app.example.com:6667"`}, "app.origin", "never connect"},
		{"the highest port that browsers block", []string{app, `"https://app.example.com:10080"`}, "app.origin", "never connect"},
		{"an endpoint at a port that browsers block", []string{token, `"https://auth.example.com:636/token"`}, tokenAt, "never connect"},
		{"an origin in upper case", []string{app, `"https://App.example.com"`}, "app.origin", "upper case"},
		{"a scheme in upper case", []string{app, `"HTTPS://app.example.com"`}, "app.origin", "upper case"},
		{"another scheme", []string{app, `"wss://app.example.com"`}, "app.origin", "has no origin"},
		{"a host alone", []string{app, `"app.example.com"`}, "app.origin", "has no origin"},
		{"credentials", []string{app, `"https://user@app.example.com"`}, "app.origin", "credentials"},
		{"no host", []string{app, `"https://"`}, "app.origin", "no host"},
		{"no host but a path", []string{app, `"https:///evil"`}, "app.origin", "no host"},
		{"no host but a port", []string{app, `"https://:8443"`}, "app.origin", "no host"},
		{"a trailing dot", []string{app, `"https://app.example.com."`}, "app.origin", "ends in a dot"},
		{"an empty label", []string{app, `"https://app..example.com"`}, "app.origin", "no host name"},
		{"a long label", []string{app, `"https://` + strings.Repeat("a", 64) + `.example.com"`}, "app.origin", "no host name"},
		{"a long host", []string{app, `"https://` + strings.Repeat("a.", 125) + `example.com"`}, "app.origin", "longer than 253"},
		{"an escape in a host", []string{app, `"https://app%2eexample.com"`}, "app.origin", "no host name"},
		{"a fullwidth host", []string{app, `"https://ａpp.example.com"`}, "app.origin", "non-ASCII"},
		{"an IDN host", []string{app, `"https://bücher.example.com"`}, "app.origin", "non-ASCII"},
		{"a star host", []string{app, `"https://*.example.com"`}, "app.origin", "star in its host"},
		{"a space before", []string{app, `" https://app.example.com"`}, "app.origin", "space"},
		{"a newline after", []string{app, `"https://app.example.com\n"`}, "app.origin", "control"},
		{"a backslash", []string{app, `"https:\\\\app.example.com"`}, "app.origin", "backslash"},
		{"an empty port", []string{app, `"https://app.example.com:"`}, "app.origin", "wrong port"},
		{"port 0", []string{app, `"https://app.example.com:0"`}, "app.origin", "wrong port"},
		{"a port too large", []string{app, `"https://app.example.com:65536"`}, "app.origin", "wrong port"},
		{"a port with a leading zero", []string{app, `"https://app.example.com:08443"`}, "app.origin", "wrong port"},
		{"a port with a sign", []string{app, `"https://app.example.com:+8443"`}, "app.origin", "wrong port"},
		{"a port that is a name", []string{app, `"https://app.example.com:https"`}, "app.origin", "wrong port"},

		// the app's worker and scope
		{"a worker URL", []string{`"/sw.js"`, `"https://evil.example/sw.js"`}, "app.worker", "not an absolute path"},
		{"a relative worker", []string{`"/sw.js"`, `"sw.js"`}, "app.worker", "not an absolute path"},
		{"a worker at another host", []string{`"/sw.js"`, `"//evil.example/sw.js"`}, "app.worker", "empty or dot segment"},
		{"a worker with a query", []string{`"/sw.js"`, `"/sw.js?v=1"`}, "app.worker", "ends a path"},
		{"a scope with a star", []string{`"/spa/"`, `"/spa/*"`}, "app.scope", "star"},
		{"a scope with dots", []string{`"/spa/"`, `"/spa/../"`}, "app.scope", "dot segment"},

		// durations
		{"a duration without a unit", []string{`"10s"`, `"10"`}, "requestTimeout", "not a duration"},
		{"an empty duration", []string{`"10s"`, `""`}, "requestTimeout", "not a duration"},
		{"a timeout of nothing", []string{`"10s"`, `"0s"`}, "requestTimeout", "out of range"},
		{"a negative timeout", []string{`"10s"`, `"-1s"`}, "requestTimeout", "out of range"},
		{"a timeout of a day", []string{`"10s"`, `"24h"`}, "requestTimeout", "out of range"},
		{"a timeout finer than a millisecond", []string{`"10s"`, `"1000.5ms"`}, "requestTimeout", "finer"},
		{"a negative refreshBefore", []string{`"1m30s"`, `"-1s"`}, "clients[0].refreshBefore", "out of range"},

		// clients
		{"clients is an object", []string{`"clients": [`, `"clients": {}, "x": [`}, "clients", "not an array"},
		{"a name with a space", []string{`"main"`, `"my app"`}, "clients[0].name", "plain name"},
		{"a name with a slash", []string{`"main"`, `"a/b"`}, "clients[0].name", "plain name"},
		{"a long name", []string{`"main"`, `"` + strings.Repeat("a", 65) + `"`}, "clients[0].name", "plain name"},
		{"a name twice", []string{`"main"`, `"ping"`}, "clients[1].name", "clients[0] too"},
		{"a name that is another's clientId", []string{`"main"`, `"ping-spa"`}, "clients[0].name", "clientId of clients[1]"},
		{"a clientId with a control character", []string{`"spa"`, `"spa\u0000"`}, "clients[0].clientId", "cannot have"},
		{"a clientId beyond ASCII", []string{`"spa"`, `"spä"`}, "clients[0].clientId", "cannot have"},
		{"two spaces in a scope", []string{`"openid profile"`, `"openid  profile"`}, "clients[0].scope", "space too many"},
		{"a comma-separated scope is one scope, a quote is none", []string{`"openid profile"`, `"openid,\"profile\""`}, "clients[0].scope", "cannot have"},
		{"a scope twice", []string{`"openid profile"`, `"openid openid"`}, "clients[0].scope", "twice"},
		{"an issuer with a query", []string{issuer, `"issuer": "https://auth.example.com?x"`}, "clients[0].issuer", "query"},
		{"an issuer with a fragment", []string{issuer, `"issuer": "https://auth.example.com#x"`}, "clients[0].issuer", "fragment"},
		{"an http issuer", []string{issuer, `"issuer": "http://auth.example.com"`}, "clients[0].issuer", "not https"},
		{"an issuer without scheme", []string{issuer, `"issuer": "auth.example.com"`}, "clients[0].issuer", "has no origin"},
		{"an issuer with dots", []string{issuer, `"issuer": "https://auth.example.com/a/../b"`}, "clients[0].issuer", "dot segment"},
		{"endpoints and pingam", []string{`"redact"`, preset + `, "redact"`}, "clients[0].pingam", "beside endpoints"},

		// endpoints
		{"an http endpoint", []string{token, `"http://auth.example.com/token"`}, tokenAt, "not https"},
		{"an endpoint without path", []string{token, `"https://auth.example.com"`}, tokenAt, "no path"},
		{"an endpoint without origin", []string{token, `"/token"`}, tokenAt, "has no origin"},
		{"an endpoint with a star", []string{token, `"https://auth.example.com/*"`}, tokenAt, "star"},
		{"an endpoint with a fragment", []string{token, `"https://auth.example.com/token#"`}, tokenAt, "fragment"},
		{"an endpoint with an empty query", []string{token, `"https://auth.example.com/token?"`}, tokenAt, "empty query"},
		{"an endpoint with a quote in its query", []string{token, `"https://auth.example.com/token?a='b'"`}, tokenAt, "escape"},
		{"an endpoint with credentials", []string{token, `"https://a:b@auth.example.com/token"`}, tokenAt, "credentials"},
		{"an endpoint with the default port", []string{token, `"https://auth.example.com:443/token"`}, tokenAt, "default port"},
		{"an endpoint with an encoded slash", []string{token, `"https://auth.example.com/a%2ftoken"`}, tokenAt, "encoded"},
		{"an endpoint at the vault", []string{token, `"https://vault.example.com/token"`}, tokenAt, "vault's own origin"},
		{"two endpoints with one URL", []string{`"https://auth.example.com/revoke"`, token}, "clients[0].endpoints.revocation", "twice"},
		{"UserInfo at the token endpoint", []string{`"https://auth.example.com/me"`, `"https://auth.example.com/token?x=1"`}, "clients[0].endpoints.userinfo", "twice"},

		// pingam
		{"a baseUrl without scheme", []string{`"https://am.example.com/am"`, `"am.example.com/am"`}, "clients[1].pingam.baseUrl", "has no origin"},
		{"an http baseUrl", []string{`"https://am.example.com/am"`, `"http://am.example.com/am"`}, "clients[1].pingam.baseUrl", "not https"},
		{"a baseUrl with the default port", []string{`"https://am.example.com/am"`, `"https://am.example.com:443/am"`}, "clients[1].pingam.baseUrl", "default port"},
		{"a baseUrl with a query", []string{`"https://am.example.com/am"`, `"https://am.example.com/am?realm=x"`}, "clients[1].pingam.baseUrl", "query"},
		{"a baseUrl with two slashes", []string{`"https://am.example.com/am"`, `"https://am.example.com/am//"`}, "clients[1].pingam.baseUrl", "empty"},
		{"a baseUrl with a star", []string{`"https://am.example.com/am"`, `"https://am.example.com/*"`}, "clients[1].pingam.baseUrl", "star"},
		{"a realm with dots", []string{`"alpha"`, `"../alpha"`}, "clients[1].pingam.realmPath", "not a realm path"},
		{"a realm with two slashes", []string{`"alpha"`, `"alpha//beta"`}, "clients[1].pingam.realmPath", "not a realm path"},
		{"a realm with a question mark", []string{`"alpha"`, `"alpha?x"`}, "clients[1].pingam.realmPath", "not a realm path"},
		{"a realm with a star", []string{`"alpha"`, `"*"`}, "clients[1].pingam.realmPath", "not a realm path"},
		{"a preset at the vault", []string{`"https://am.example.com/am"`, `"https://vault.example.com/am"`}, "clients[1].pingam", "vault's own origin"},

		// redact
		{"redact without access_token", []string{redact, `["refresh_token"]`}, "clients[0].redact", "does not name access_token"},
		{"redact without refresh_token", []string{redact, `["access_token", "id_token"]`}, "clients[0].redact", "does not name refresh_token"},
		{"redact of what is no token", []string{`"id_token"]`, `"scope"]`}, "clients[0].redact[2]", "not a token"},
		{"redact twice", []string{`"id_token"]`, `"access_token"]`}, "clients[0].redact[2]", "twice"},

		// resources
		{"a resource without origin", []string{resource, `"/v1/*"`}, resourceAt, "has no origin"},
		{"a scheme-relative resource", []string{resource, `"//api.example.com/v1/*"`}, resourceAt, "has no origin"},
		{"a star alone", []string{resource, `"*"`}, resourceAt, "has no origin"},
		{"a star as the host", []string{resource, `"https://*/v1/*"`}, resourceAt, "star in its host"},
		{"a star for subdomains", []string{resource, `"https://*.example.com/*"`}, resourceAt, "star in its host"},
		{"an http resource", []string{resource, `"http://api.example.com/v1/*"`}, resourceAt, "not https"},
		{"a resource without path", []string{resource, `"https://api.example.com"`}, resourceAt, "no path"},
		{"a star in the middle", []string{resource, `"https://api.example.com/*/items"`}, resourceAt, "star before its end"},
		{"two stars", []string{resource, `"https://api.example.com/v1/**"`}, resourceAt, "star before its end"},
		{"a star after a letter", []string{resource, `"https://api.example.com/v1*"`}, resourceAt, "part of a segment"},
		{"a resource with a query", []string{resource, `"https://api.example.com/v1/*?x=1"`}, resourceAt, "query"},
		{"a resource with an empty query", []string{resource, `"https://api.example.com/v1/*?"`}, resourceAt, "query"},
		{"a resource with a fragment", []string{resource, `"https://api.example.com/v1/*#x"`}, resourceAt, "fragment"},
		{"a resource with credentials", []string{resource, `"https://a@api.example.com/v1/*"`}, resourceAt, "credentials"},
		{"a resource with a trailing-dot host", []string{resource, `"https://api.example.com./v1/*"`}, resourceAt, "ends in a dot"},
		{"a resource with dots", []string{resource, `"https://api.example.com/v1/../*"`}, resourceAt, "dot segment"},
		{"a resource with encoded dots", []string{resource, `"https://api.example.com/%2e%2e/*"`}, resourceAt, "encoded"},
		{"a resource with an empty segment", []string{resource, `"https://api.example.com//v1/*"`}, resourceAt, "empty"},
		{"a resource with a parameter", []string{resource, `"https://api.example.com/v1;x/*"`}, resourceAt, "raw ;"},
		{"a resource with a malformed escape", []string{resource, `"https://api.example.com/%zz/*"`}, resourceAt, "malformed escape"},
		{"a resource with a brace", []string{resource, `"https://api.example.com/{id}/*"`}, resourceAt, "percent-escape"},
		{"a resource beyond ASCII", []string{resource, `"https://api.example.com/é/*"`}, resourceAt, "non-ASCII"},
		{"a resource at a short IPv4 address", []string{resource, `"https://127.1/v1/*"`}, resourceAt, "IPv4"},
		{"a resource at a hexadecimal IPv4 address", []string{resource, `"https://0x7f000001/v1/*"`}, resourceAt, "IPv4"},
		{"a resource at an octal IPv4 address", []string{resource, `"https://0177.0.0.1/v1/*"`}, resourceAt, "IPv4"},
		{"a resource at a long IPv6 address", []string{resource, `"https://[0:0:0:0:0:0:0:1]/v1/*"`}, resourceAt, "IPv6"},
		{"a resource at a mapped IPv6 address", []string{resource, `"https://[::ffff:192.0.2.1]/v1/*"`}, resourceAt, "IPv6"},
		{"a resource at a zoned IPv6 address", []string{resource, `"https://[fe80::1%25eth0]/v1/*"`}, resourceAt, "IPv6"},
		{"text after an IPv6 address", []string{resource, `"https://[::1]x/v1/*"`}, resourceAt, "text after the address"},
		{"an unclosed IPv6 address", []string{resource, `"https://[::1/v1/*"`}, resourceAt, "wrong port"},
		{"a resource at the vault", []string{resource, `"https://vault.example.com/v1/*"`}, resourceAt, "vault's own origin"},
		{"a resource twice", []string{"https://api.example.com/exact", "https://api.example.com/v1/*"}, "clients[0].resources[1].url", "too"},
		{"a resource on another client's endpoint", []string{resource, `"https://am.example.com/am/*"`}, "clients[1].pingam", "another client"},
		{"a resource on the root of another client's server", []string{resource, `"https://am.example.com/*"`}, "clients[1].pingam", "another client"},
		{"a resource below another client's", []string{`"clientId": "ping-spa",`, `"clientId": "ping-spa", "resources": [{ "url": "https://api.example.com/v1/admin/*" }],`}, "clients[1].resources[0].url", "another client"},
		{"a resource above another client's", []string{`"clientId": "ping-spa",`, `"clientId": "ping-spa", "resources": [{ "url": "https://api.example.com/*" }],`}, "clients[1].resources[0].url", "another client"},
		{"a resource that is another client's endpoint", []string{`"clientId": "ping-spa",`, `"clientId": "ping-spa", "resources": [{ "url": "https://auth.example.com/token" }],`}, "clients[1].resources[0].url", "another client"},
		{"one client twice at one token endpoint", []string{preset, `"endpoints": { "token": ` + token + ` }`, `"ping-spa"`, `"spa"`}, "clients[1].endpoints.token", "another client"},
		{"a token endpoint that is another client's revocation endpoint", []string{preset, `"endpoints": { "token": "https://auth.example.com/revoke" }`}, "clients[1].endpoints.token", "another client"},

		// methods
		{"a method in lower case", []string{methods, `["get"]`}, "clients[0].resources[0].methods[0]", "lower case"},
		{"an empty method", []string{methods, `["GET", ""]`}, "clients[0].resources[0].methods[1]", "not a method"},
		{"a star method", []string{methods, `["*"]`}, "clients[0].resources[0].methods[0]", "not a method"},
		{"a method twice", []string{methods, `["GET", "GET"]`}, "clients[0].resources[0].methods[1]", "twice"},
		{"a forbidden method", []string{methods, `["TRACE"]`}, "clients[0].resources[0].methods[0]", "do not send"},

		// redirect origins
		{"redirectOrigins is a string", []string{redirectOrigins, storage}, "redirectOrigins", "not an array"},
		{"redirectOrigins is null", []string{redirectOrigins, "null"}, "redirectOrigins", "not an array"},
		{"redirectOrigins of a client", []string{`"clientId": "spa",`, `"clientId": "spa", "redirectOrigins": [],`}, "clients[0].redirectOrigins", "unknown key"},
		{"a redirect origin is an object", []string{storage, `{ "origin": ` + storage + ` }`}, storageAt, "not a string"},
		{"an empty redirect origin", []string{storage, `""`}, storageAt, "is empty"},
		{"a redirect origin with a slash", []string{storage, `"https://storage.example.net/"`}, storageAt, "more than an origin"},
		{"a redirect origin with a path", []string{storage, `"https://storage.example.net/bucket/*"`}, storageAt, "more than an origin"},
		{"a redirect origin with a query", []string{storage, `"https://storage.example.net?x"`}, storageAt, "more than an origin"},
		{"a redirect origin with credentials", []string{storage, `"https://a@storage.example.net"`}, storageAt, "credentials"},
		{"a redirect origin with the default port", []string{storage, `"https://storage.example.net:443"`}, storageAt, "default port"},
		{"a redirect origin in upper case", []string{storage, `"https://Storage.example.net"`}, storageAt, "upper case"},
		{"a redirect origin that ends in a dot", []string{storage, `"https://storage.example.net."`}, storageAt, "ends in a dot"},
		{"a star for redirects", []string{storage, `"*"`}, storageAt, "has no origin"},
		{"a star for subdomains of redirects", []string{storage, `"https://*.example.net"`}, storageAt, "star in its host"},
		{"a scheme alone", []string{storage, `"https:"`}, storageAt, "has no origin"},
		{"a redirect origin of another scheme", []string{storage, `"data:"`}, storageAt, "has no origin"},
		{"an http redirect origin", []string{storage, `"http://storage.example.net"`}, storageAt, "not https"},
		{"more than one directive", []string{storage, `"https://storage.example.net; script-src *"`}, storageAt, "space"},
		{"a redirect origin twice", []string{`"https://cdn.example.net:8443"`, storage}, "redirectOrigins[1]", "twice"},
		{"a redirect origin that is the app's", []string{storage, app}, storageAt, "app's own origin"},
		{"a redirect origin that is the vault's", []string{storage, vault}, storageAt, "vault's own origin"},
		{"a redirect origin that has a resource", []string{storage, `"https://api.example.com"`}, storageAt, "is the origin of clients[0].resources[0].url already"},
		{"a redirect origin that has an endpoint", []string{storage, `"https://auth.example.com"`}, storageAt, "is the origin of clients[0].endpoints.token already"},
		{"a redirect origin that has a preset's endpoints", []string{storage, `"https://am.example.com"`}, storageAt, "is the origin of clients[1].pingam already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(edit(t, tt.pairs...)))
			require.ErrorIs(t, err, config.ErrInvalid)
			assert.Nil(t, c)
			found := faults(t, err)[tt.key]
			require.NotEmpty(t, found, "no fault at %s in:\n%v", tt.key, err)
			assert.True(t, strings.Contains(found[0].Problem, tt.problem), "%q in: %s", tt.problem, found[0])
		})
	}
}

func TestRejectsFiles(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", "", "is not JSON"},
		{"space", " \n", "is not JSON"},
		{"a line comment", "{\n  // the app\n  \"app\": {}\n}", "line 2, column 3: is not JSON"},
		{"a comment's mend", "{ /* x */ }", "remove the comment: JSON has none"},
		{"a trailing comma", "{\n  \"app\": {},\n}", "line 3, column 1"},
		{"text after the end", base + "x", "is not JSON"},
		{"two values", base + base, "is not JSON"},
		{"a byte order mark", "\ufeff" + base, "byte order mark"},
		{"not UTF-8", strings.Replace(base, "main", "\xff", 1), "not UTF-8"},
		{"too large", base + strings.Repeat(" ", 1<<20), "larger than 1 MiB"},
		{"too deep", strings.Repeat("[", 20_000), "is not JSON"},
		{"an array", "[]", "is an array, not an object"},
		{"null", "null", "is another value, not an object"},
		{"a string", `"https://app.example.com"`, "is a string, not an object"},
		{"no clients in it", strings.Replace(base, base[strings.Index(base, `"clients"`):], `"clients": [] }`, 1), "clients: is empty"},
		{"a client that is a string", strings.Replace(base, `"clients": [`, `"clients": [ "main",`, 1), "clients[0]: is a string, not an object"},
		{"a resource that is a string", strings.Replace(base, `"resources": [`, `"resources": [ "https://x.example/*",`, 1), "clients[0].resources[0]: is a string, not an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(tt.text))
			require.ErrorIs(t, err, config.ErrInvalid)
			assert.Nil(t, c)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}

// A value of the wrong type is one fault, not one more for each key that it
// would have had.
func TestWrongTypeIsOneFault(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(edit(t, `{ "origin": "https://vault.example.com" }`, "3")))
	assert.EqualError(t, err, "vault: is another value, not an object; write { … }")
	_, err = config.Parse([]byte("7"))
	assert.EqualError(t, err, "is another value, not an object; write { … }")
}

func TestAllFaultsAreReported(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(edit(t,
		`"https://app.example.com"`, `"http://app.example.com"`,
		`"requestTimeout"`, `"requestTimeOut"`,
		`"https://auth.example.com/token"`, `"/token"`,
		`["GET", "POST"]`, `["get", "POST", 3]`,
		`"https://api.example.com/exact"`, `"https://*.example.com/exact"`,
		`"realmPath": "alpha"`, `"realmPath": "a?b"`,
	)))
	require.Error(t, err)
	var keys []string
	for key, list := range faults(t, err) {
		assert.Len(t, list, 1, key)
		keys = append(keys, key)
	}
	assert.ElementsMatch(t, []string{
		"app.origin", "requestTimeOut", "clients[0].endpoints.token",
		"clients[0].resources[0].methods[0]", "clients[0].resources[0].methods[2]",
		"clients[0].resources[1].url", "clients[1].pingam.realmPath",
	}, keys)
	assert.Contains(t, err.Error(), `requestTimeOut: is an unknown key; write "requestTimeout"`)
	assert.Contains(t, err.Error(), "clients[0].resources[0].methods[0]: is in lower case; write GET")
	assert.Len(t, strings.Split(err.Error(), "\n"), len(keys), "a line a fault")
}

func TestRealmPath(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, setting, want string }{
		{"root by a slash", `, "realmPath": "/"`, "/am/oauth2/realms/root"},
		{"root by nothing", `, "realmPath": ""`, "/am/oauth2/realms/root"},
		{"root by name", `, "realmPath": "root"`, "/am/oauth2/realms/root"},
		{"root by default", ``, "/am/oauth2/realms/root"},
		{"a realm", `, "realmPath": "alpha"`, "/am/oauth2/realms/root/realms/alpha"},
		{"a realm with slashes", `, "realmPath": "/alpha/"`, "/am/oauth2/realms/root/realms/alpha"},
		{"a realm below root", `, "realmPath": "root/alpha"`, "/am/oauth2/realms/root/realms/alpha"},
		{"a nested realm", `, "realmPath": "alpha/beta"`, "/am/oauth2/realms/root/realms/alpha/realms/beta"},
	}
	for _, tt := range tests {
		for name, base := range map[string]string{"": "https://am.example.com/am", " and a slash": "https://am.example.com/am/"} {
			t.Run(tt.name+name, func(t *testing.T) {
				t.Parallel()
				c := parse(t, edit(t, `"https://am.example.com/am"`, `"`+base+`"`, `, "realmPath": "alpha"`, tt.setting))
				assert.Equal(t, tt.want+"/access_token", c.Clients[1].Endpoints.Token.Path)
				assert.Equal(t, "https://am.example.com"+tt.want, c.Clients[1].Issuer)
			})
		}
	}
	t.Run("a deployment at the root of its host", func(t *testing.T) {
		t.Parallel()
		c := parse(t, edit(t, `"https://am.example.com/am"`, `"https://am.example.com"`))
		assert.Equal(t, "https://am.example.com/oauth2/realms/root/realms/alpha/access_token", c.Clients[1].Endpoints.Token.URL())
	})
	t.Run("an issuer of its own", func(t *testing.T) {
		t.Parallel()
		const issuer = "https://am.example.com:443/am/oauth2/alpha"
		c := parse(t, edit(t, `"clientId": "ping-spa",`, `"clientId": "ping-spa", "issuer": "`+issuer+`",`))
		assert.Equal(t, issuer, c.Clients[1].Issuer)
		assert.Equal(t, "https://am.example.com", c.Clients[1].Endpoints.Token.Origin)
		assert.False(t, c.NeedsDiscovery())
	})
}

func TestExampleIsValid(t *testing.T) {
	t.Parallel()
	c, err := config.Load(filepath.Join("..", "..", "tokenvault.example.json"))
	require.NoError(t, err)
	assert.False(t, c.NeedsDiscovery(), "the example builds without a network")
	require.NoError(t, c.Table().Check())
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	c, err := config.Load(write("good.json", base))
	require.NoError(t, err)
	assert.Equal(t, parse(t, base), c)

	_, err = config.Load(write("bad.json", "{}"))
	require.ErrorIs(t, err, config.ErrInvalid)
	assert.Contains(t, err.Error(), "bad.json")
	var fault *config.KeyError
	require.ErrorAs(t, err, &fault)

	_, err = config.Load(write("large.json", base+strings.Repeat(" ", 2<<20)))
	require.ErrorIs(t, err, config.ErrInvalid)

	_, err = config.Load(filepath.Join(dir, "absent.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.False(t, errors.Is(err, config.ErrInvalid))

	_, err = config.Load(dir)
	require.Error(t, err)
}

// FuzzParse: no text makes Parse panic; every fault has a key and a mend; what it
// accepts makes a table that the vault accepts, apart from endpoints that are yet
// to be discovered.
func FuzzParse(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(owned))
	f.Add([]byte("{}"))
	for _, pairs := range [][]string{
		{`"https://app.example.com"`, `"http://app.example.localhost:8080"`},
		{`"https://api.example.com/v1/*"`, `"https://[::1]:8443/*"`},
		{`"https://auth.example.com/token"`, `"https://auth.example.com/token?p=a"`},
	} {
		f.Add([]byte(edit(f, pairs...)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data)
		if err != nil {
			require.ErrorIs(t, err, config.ErrInvalid)
			require.Nil(t, c)
			require.NotEmpty(t, faults(t, err))
			return
		}
		table := c.Table()
		if c.NeedsDiscovery() {
			require.ErrorIs(t, table.Check(), policy.ErrInvalid)
			return
		}
		got, err := policy.Decode(policy.Encode(table))
		require.NoError(t, err)
		require.Equal(t, table, got)
	})
}
