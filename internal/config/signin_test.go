package config_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/policy"
	"tokenvault/static"
)

// owned is a configuration that uses every key of a sign-in by the vault.
const owned = `{
  "app": { "origin": "https://app.example.com" },
  "vault": { "origin": "https://vault.example.com" },
  "clients": [
    {
      "name": "main",
      "clientId": "spa",
      "issuer": "https://auth.example.com",
      "endpoints": {
        "token": "https://auth.example.com/token",
        "authorization": "https://auth.example.com/authorize",
        "jwks": "https://keys.example.com/jwks",
        "pushedAuthorization": "https://auth.example.com/par"
      },
      "signIn": "vault",
      "par": true,
      "requireIss": true,
      "dpop": true,
      "returnTo": ["/account/*", "/"],
      "claims": ["sub", "name"],
      "loginParameters": ["ui_locales", "kc_action"],
      "resources": [
        { "url": "https://api.example.com/v1/*", "methods": ["GET"], "resource": "https://api.example.com/" }
      ]
    },
    {
      "name": "ping",
      "clientId": "ping-spa",
      "signIn": "vault",
      "pingam": { "baseUrl": "https://am.example.com/am", "realmPath": "alpha" }
    }
  ],
  "pages": { "language": "de", "texts": { "de": { "login": "Gleich geht es weiter." } } }
}`

// editOwned is edit for owned.
func editOwned(t testing.TB, pairs ...string) string {
	t.Helper()
	text := owned
	for i := 0; i < len(pairs); i += 2 {
		require.Equal(t, 1, strings.Count(text, pairs[i]), "%q in owned", pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestParseSignIn(t *testing.T) {
	t.Parallel()
	c := parse(t, owned)
	assert.True(t, c.SignsIn())
	assert.False(t, parse(t, base).SignsIn())
	table := c.Table()
	require.NoError(t, table.Check())
	const auth, am, realm = "https://auth.example.com", "https://am.example.com", "/am/oauth2/realms/root/realms/alpha"
	main, ping := table.Clients[0], table.Clients[1]
	assert.Equal(t, policy.SignIn{
		Authorization: policy.Endpoint{Origin: auth, Path: "/authorize"},
		Pushed:        policy.Endpoint{Origin: auth, Path: "/par"},
		Keys:          policy.Endpoint{Origin: "https://keys.example.com", Path: "/jwks"},
		RequireIssuer: true,
		ReturnTo:      []string{"/account/*", "/"},
		Claims:        []string{"sub", "name"},
		Parameters:    []string{"ui_locales", "kc_action"},
	}, main.SignIn)
	assert.True(t, main.DPoP)
	assert.Equal(t, "https://api.example.com/", main.Resources[0].Indicator)
	assert.Equal(t, []string{"access_token", "refresh_token", "id_token"}, main.Redact, "the app reads claims instead")

	assert.Equal(t, policy.SignIn{
		Authorization: policy.Endpoint{Origin: am, Path: realm + "/authorize"},
		Keys:          policy.Endpoint{Origin: am, Path: realm + "/connect/jwk_uri"},
		ReturnTo:      []string{"/*"},
		Claims:        []string{"sub"},
	}, ping.SignIn, "the defaults")
	assert.False(t, ping.DPoP)
	pushed := parse(t, editOwned(t, `"clientId": "ping-spa",`, `"clientId": "ping-spa", "par": true,`))
	assert.Equal(t, am+realm+"/par", pushed.Table().Clients[1].SignIn.Pushed.URL())

	assert.Equal(t, "de", c.Pages.Language)
	assert.Equal(t, map[string]map[string]string{"de": {"login": "Gleich geht es weiter."}}, c.Pages.Texts)
}

func TestSignInTableIsACopy(t *testing.T) {
	t.Parallel()
	c := parse(t, owned)
	signIn := c.Table().Clients[0].SignIn
	signIn.ReturnTo[0], signIn.Claims[0], signIn.Parameters[0] = "x", "x", "x"
	assert.Equal(t, parse(t, owned).Table(), c.Table())
}

func TestAcceptsSignIns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pairs []string
	}{
		{"no pushed requests", []string{`"par": true,`, `"par": false,`, `,
        "pushedAuthorization": "https://auth.example.com/par"`, ""}},
		{"no claims", []string{`["sub", "name"]`, `[]`}},
		{"a claim that is a URL", []string{`["sub", "name"]`, `["https://example.com/roles"]`}},
		{"no parameters", []string{`["ui_locales", "kc_action"]`, `[]`}},
		{"a resource indicator that is a name", []string{`"resource": "https://api.example.com/"`, `"resource": "urn:example:api"`}},
		{"a resource indicator of Entra ID", []string{`"resource": "https://api.example.com/"`, `"resource": "api://0f3a-77"`}},
		{"redact written out", []string{`"dpop": true,`, `"dpop": true, "redact": ["id_token", "access_token", "refresh_token"],`}},
		{"another client at the same endpoints, signed in by the app", []string{`"signIn": "vault",
      "pingam": { "baseUrl": "https://am.example.com/am", "realmPath": "alpha" }`, `"endpoints": { "token": "https://auth.example.com/token" }`}},
		{"a redirect to where people sign in", []string{`"authorization": "https://auth.example.com/authorize"`, `"authorization": "https://pages.example.com/authorize"`, `"clients": [`, `"redirectOrigins": ["https://pages.example.com"], "clients": [`}},
		{"the browser's language", []string{`"language": "de", `, ""}},
		{"a variant of a language that is built in", []string{`"language": "de"`, `"language": "de-AT"`, `"de": {`, `"de-AT": {`}},
		{"a language that is built in, without own texts", []string{`{ "language": "de", "texts": { "de": { "login": "Gleich geht es weiter." } } }`, `{ "language": "en" }`}},
		{"a language of its own", []string{`"language": "de", "texts": { "de": { "login": "Gleich geht es weiter." } }`, `"texts": { "eo": ` + allTexts(t) + ` }, "language": "eo"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := parse(t, editOwned(t, tt.pairs...)).Table()
			require.NoError(t, table.Check())
			decoded, err := policy.Decode(policy.Encode(table))
			require.NoError(t, err)
			assert.Equal(t, table, decoded)
		})
	}
}

// allTexts is a language with every text, but for those of keys.
func allTexts(t testing.TB, without ...string) string {
	t.Helper()
	texts := static.PageTexts()["en"]
	for _, key := range without {
		require.Contains(t, texts, key)
		delete(texts, key)
	}
	encoded, err := json.Marshal(texts)
	require.NoError(t, err)
	return string(encoded)
}

func TestRejectsSignIns(t *testing.T) {
	t.Parallel()
	const (
		main      = "clients[0]."
		endpoints = main + "endpoints."
		signIn    = `"signIn": "vault",
      "par"`
		language = `"language": "de"`
		texts    = `{ "de": { "login": "Gleich geht es weiter." } }`
	)
	app := func(pairs ...string) []string { return append([]string{signIn, `"par"`}, pairs...) }
	type row struct {
		name    string
		pairs   []string
		key     string
		problem string
	}
	tests := []row{
		// signIn
		{"another value", []string{signIn, `"signIn": "page", "par"`}, main + "signIn", `is "page"`},
		{"an empty value", []string{signIn, `"signIn": "", "par"`}, main + "signIn", `is ""`},
		{"true", []string{signIn, `"signIn": true, "par"`}, main + "signIn", "not a string"},
		{"another case", []string{signIn, `"signIn": "Vault", "par"`}, main + "signIn", `is "Vault"`},

		// what it needs
		{"no issuer", []string{`"issuer": "https://auth.example.com",`, ""}, main + "issuer", "is missing"},
		{"no authorization endpoint", []string{`"authorization": "https://auth.example.com/authorize",`, ""}, endpoints + "authorization", "is missing"},
		{"no key set", []string{`"jwks": "https://keys.example.com/jwks",`, ""}, endpoints + "jwks", "is missing"},
		{"no pushed endpoint", []string{`,
        "pushedAuthorization": "https://auth.example.com/par"`, ""}, endpoints + "pushedAuthorization", "is missing"},
		{"a pushed endpoint without use", []string{`"par": true,`, ""}, endpoints + "pushedAuthorization", "has no use"},
		{"a redact list with the id_token for the page", []string{`"dpop": true`, `"dpop": true, "redact": ["access_token", "refresh_token"]`}, main + "redact", "does not name id_token"},

		// what the app has no use for
		{"par with app", app(), main + "par", "sign-in by the vault"},
		{"requireIss with app", app(), main + "requireIss", "sign-in by the vault"},
		{"returnTo with app", app(), main + "returnTo", "sign-in by the vault"},
		{"claims with app", app(), main + "claims", "sign-in by the vault"},
		{"loginParameters with app", app(), main + "loginParameters", "sign-in by the vault"},
		{"a false par with app", app(`"par": true`, `"par": false`), main + "par", "sign-in by the vault"},
		{"the authorization endpoint with app", app(), endpoints + "authorization", "sign-in by the vault"},
		{"the key set with app", app(), endpoints + "jwks", "sign-in by the vault"},
		{"the pushed endpoint with app", app(), endpoints + "pushedAuthorization", "sign-in by the vault"},
		{"a resource indicator with app", app(), main + "resources[0].resource", "sign-in by the vault"},
		{"app written out", []string{signIn, `"signIn": "app", "par"`}, main + "claims", "sign-in by the vault"},
		{"pages with app alone", app(`"clientId": "ping-spa",
      "signIn": "vault",`, `"clientId": "ping-spa",`), "pages", "there is none"},

		// flags
		{"par is a string", []string{`"par": true`, `"par": "true"`}, main + "par", "is a string, not true or false"},
		{"requireIss is a number", []string{`"requireIss": true`, `"requireIss": 1`}, main + "requireIss", "not true or false"},
		{"dpop is null", []string{`"dpop": true`, `"dpop": null`}, main + "dpop", "not true or false"},

		// endpoints
		{"an http authorization endpoint", []string{`"https://auth.example.com/authorize"`, `"http://auth.example.com/authorize"`}, endpoints + "authorization", "not https"},
		{"an authorization endpoint at the app", []string{`"https://auth.example.com/authorize"`, `"https://app.example.com/authorize"`}, endpoints + "authorization", "app's own origin"},
		{"an authorization endpoint at the vault", []string{`"https://auth.example.com/authorize"`, `"https://vault.example.com/authorize"`}, endpoints + "authorization", "vault's own origin"},
		{"a key set at the vault", []string{`"https://keys.example.com/jwks"`, `"https://vault.example.com/jwks"`}, endpoints + "jwks", "vault's own origin"},
		{"a key set with a fragment", []string{`"https://keys.example.com/jwks"`, `"https://keys.example.com/jwks#x"`}, endpoints + "jwks", "fragment"},
		{"a key set that is the token endpoint", []string{`"https://keys.example.com/jwks"`, `"https://auth.example.com/token"`}, endpoints + "jwks", "twice"},
		{"a pushed endpoint that is the authorization endpoint", []string{`"https://auth.example.com/par"`, `"https://auth.example.com/authorize"`}, endpoints + "pushedAuthorization", "twice"},
		{"a pushed endpoint that is another client's resource", []string{`"clientId": "ping-spa",`, `"clientId": "ping-spa", "resources": [{ "url": "https://auth.example.com/par" }],`}, "clients[1].resources[0].url", "another client"},
		{"a redirect to a key set", []string{`"clients": [`, `"redirectOrigins": ["https://keys.example.com"], "clients": [`}, "redirectOrigins[0]", "is the origin of " + endpoints + "jwks already"},
		{"origins of endpoints that are written", []string{`"dpop": true`, `"dpop": true, "endpointOrigins": ["https://keys.example.com"]`}, main + "endpointOrigins", "by discovery"},
		{"origins of a preset's endpoints", []string{`"clientId": "ping-spa",`, `"clientId": "ping-spa", "endpointOrigins": [],`}, "clients[1].endpointOrigins", "by discovery"},
		{"an origin of endpoints with a path", []string{`"dpop": true`, `"dpop": true, "endpointOrigins": ["https://keys.example.com/jwks"]`}, main + "endpointOrigins[0]", "more than an origin"},

		// returnTo
		{"nowhere to return to", []string{`["/account/*", "/"]`, `[]`}, main + "returnTo", "is empty"},
		{"a return to a URL", []string{`["/account/*", "/"]`, `["https://app.example.com/*"]`}, main + "returnTo[0]", "not a path"},
		{"a return to no path", []string{`["/account/*", "/"]`, `[""]`}, main + "returnTo[0]", "not a path"},
		{"a return to another host", []string{`["/account/*", "/"]`, `["/", "//evil.example/*"]`}, main + "returnTo[1]", "empty or dot segment"},
		{"a return with a star inside", []string{`["/account/*", "/"]`, `["/*/x"]`}, main + "returnTo[0]", "star before its end"},
		{"a return with a star after a letter", []string{`["/account/*", "/"]`, `["/account*"]`}, main + "returnTo[0]", "part of a segment"},
		{"a return with a query", []string{`["/account/*", "/"]`, `["/?x"]`}, main + "returnTo[0]", "ends a path"},
		{"a return twice", []string{`["/account/*", "/"]`, `["/", "/"]`}, main + "returnTo[1]", "twice"},
		{"returnTo is a string", []string{`["/account/*", "/"]`, `"/"`}, main + "returnTo", "not an array"},

		// claims
		{"an empty claim", []string{`["sub", "name"]`, `[""]`}, main + "claims[0]", "is empty"},
		{"a claim twice", []string{`["sub", "name"]`, `["sub", "sub"]`}, main + "claims[1]", "twice"},

		// parameters
		{"an empty parameter", []string{`["ui_locales", "kc_action"]`, `[""]`}, main + "loginParameters[0]", "plain name"},
		{"a parameter with an ampersand", []string{`["ui_locales", "kc_action"]`, `["a&state"]`}, main + "loginParameters[0]", "plain name"},
		{"a parameter in brackets", []string{`["ui_locales", "kc_action"]`, `["state[]"]`}, main + "loginParameters[0]", "plain name"},
		{"a parameter twice", []string{`["ui_locales", "kc_action"]`, `["display", "display"]`}, main + "loginParameters[1]", "twice"},
		{"a parameter of the vault in another case", []string{`["ui_locales", "kc_action"]`, `["Redirect_Uri"]`}, main + "loginParameters[0]", "must not choose"},
		{"a parameter of the vault with a dot", []string{`["ui_locales", "kc_action"]`, `["redirect.uri"]`}, main + "loginParameters[0]", "must not choose"},

		// resource indicators
		{"an indicator for one of two", []string{`"methods": ["GET"], "resource": "https://api.example.com/" }`, `"methods": ["GET"], "resource": "https://api.example.com/" }, { "url": "https://api.example.com/v2/*" }`}, main + "resources[1].resource", "in some resources"},
		{"a relative indicator", []string{`"resource": "https://api.example.com/"`, `"resource": "/v1"`}, main + "resources[0].resource", "not an absolute URI"},
		{"an empty indicator", []string{`"resource": "https://api.example.com/"`, `"resource": ""`}, main + "resources[0].resource", "not an absolute URI"},
		{"an indicator with a space", []string{`"resource": "https://api.example.com/"`, `"resource": "urn:a b"`}, main + "resources[0].resource", "not an absolute URI"},
		{"an indicator with a fragment", []string{`"resource": "https://api.example.com/"`, `"resource": "https://api.example.com/#x"`}, main + "resources[0].resource", "fragment"},
		{"an indicator that is a list", []string{`"resource": "https://api.example.com/"`, `"resource": ["https://api.example.com/"]`}, main + "resources[0].resource", "not a string"},

		// pages
		{"an unknown key in pages", []string{language, language + `, "colour": "red"`}, "pages.colour", "unknown key"},
		{"pages is a string", []string{`{ ` + language + `, "texts": ` + texts + ` }`, `"de"`}, "pages", "not an object"},
		{"a language without texts", []string{language, `"language": "fr"`}, "pages.language", "there are no texts"},
		{"a variant without texts of its own", []string{language, `"language": "de-AT"`}, "pages.language", "there are no texts"},
		{"a language that is none", []string{`"de": {`, `"Deutsch!": {`}, "pages.texts.Deutsch!", "not a language"},
		{"a text that is none", []string{`"login":`, `"logIn":`}, "pages.texts.de.logIn", "is no text"},
		{"an empty text", []string{`"Gleich geht es weiter."`, `" "`}, "pages.texts.de.login", "is empty"},
		{"a text that is a list", []string{`"Gleich geht es weiter."`, `[]`}, "pages.texts.de.login", "not a string"},
		{"a text with a value that is not there", []string{`"Gleich geht es weiter."`, `"Hallo {name}"`}, "pages.texts.de.login", "other places for values"},
		{"a text without its value", []string{`"login": "Gleich geht es weiter."`, `"server": "Fehler"`}, "pages.texts.de.server", "other places for values"},
		{"a text with the name of an account", []string{`"login": "Gleich geht es weiter."`, `"keep": "Weiter als {old}"`}, "pages.texts.de.keep", "other places for values"},
		{"a language with texts missing", []string{texts, `{ "eo": ` + allTexts(t, "denied", "stale") + ` }`}, "pages.texts.eo", "lacks texts: denied, stale"},
		{"a language that is a string", []string{texts, `{ "de": "x" }`}, "pages.texts.de", "not an object"},
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash", "access_token", "refresh_token", "id_token"} {
		tests = append(tests, row{"the claim " + name, []string{`["sub", "name"]`, `["sub", "` + name + `"]`}, main + "claims[1]", "vault alone"})
	}
	for _, name := range []string{
		"client_id", "client_secret", "client_assertion", "client_assertion_type", "redirect_uri", "response_type", "response_mode",
		"scope", "state", "nonce", "code", "code_verifier", "code_challenge", "code_challenge_method", "request", "request_uri",
		"resource", "dpop_jkt", "id_token_hint", "registration", "claims", "authorization_details", "iss",
	} {
		tests = append(tests, row{"the parameter " + name, []string{`["ui_locales", "kc_action"]`, `["` + name + `"]`}, main + "loginParameters[0]", "must not choose"})
	}
	for _, name := range []string{"login_hint", "acr_values", "max_age", "prompt"} {
		tests = append(tests, row{"the parameter " + name, []string{`["ui_locales", "kc_action"]`, `["` + name + `"]`}, main + "loginParameters[0]", "login has an argument for"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse([]byte(editOwned(t, tt.pairs...)))
			require.ErrorIs(t, err, config.ErrInvalid)
			assert.Nil(t, c)
			found := faults(t, err)[tt.key]
			require.NotEmpty(t, found, "no fault at %s in:\n%v", tt.key, err)
			assert.True(t, slices.ContainsFunc(found, func(f *config.KeyError) bool { return strings.Contains(f.Problem, tt.problem) }), "%q in: %s", tt.problem, found[0])
		})
	}
}

// A wrong signIn is one fault, not one more for each key that depends on it.
func TestWrongSignInIsOneFault(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(editOwned(t, `"signIn": "vault",
      "par"`, `"signIn": "valut", "par"`)))
	require.EqualError(t, err, `clients[0].signIn: is "valut"; write "app" or "vault"`)
}
