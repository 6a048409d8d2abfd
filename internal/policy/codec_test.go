package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
)

func TestCodecIsLossless(t *testing.T) {
	t.Parallel()
	odd := hostileTable()
	odd.Clients[0].Name = "a:b,5:c,\n\x00é"
	odd.Clients[0].Scope = strings.Repeat("x", 70_000)
	odd.Clients[1].Resources = nil
	odd.Clients[2].SignIn.Claims, odd.Clients[2].SignIn.Parameters = nil, []string{"a:b,5:c,", "é"}
	odd.Clients[2].SignIn.RequireIssuer, odd.Clients[2].SignIn.Pushed = false, policy.Endpoint{}
	odd.Clients[2].DPoP, odd.Clients[0].DPoP = false, true
	odd.Clients[0].Resources[0].Indicator = "urn:a:b,5:c"
	odd.RedirectOrigins = nil
	odd.TimeoutMS = 1<<63 - 1
	for name, table := range map[string]*policy.Table{"plain": hostileTable(), "odd": odd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := policy.Encode(table)
			got, err := policy.Decode(text)
			require.NoError(t, err)
			assert.Equal(t, table, got)
			assert.Equal(t, text, policy.Encode(got))
		})
	}
}

func TestDecodeRejects(t *testing.T) {
	t.Parallel()
	good := policy.Encode(hostileTable())
	replace := func(old, repl string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, repl, 1)
	}
	tests := []struct{ name, text, want string }{
		{"nothing", "", "not a policy table"},
		{"the header alone", "tokenvault policy 3\n", "without a length"},
		{"another version", replace("policy 3", "policy 2"), "not a policy table"},
		{"no header", strings.TrimPrefix(good, "tokenvault policy 3\n"), "not a policy table"},
		{"text after the end", good + "0:,", "after the end"},
		{"a newline after the end", good + "\n", "after the end"},
		{"a space before", " " + good, "not a policy table"},
		{"a leading zero", replace("23:https://app.example.com,", "023:https://app.example.com,"), "wrong length"},
		{"a plus sign", replace("23:https://app.example.com,", "+23:https://app.example.com,"), "wrong length"},
		{"a negative length", replace("23:https://app.example.com,", "-1:https://app.example.com,"), "wrong length"},
		{"a length too small", replace("23:https://app.example.com,", "22:https://app.example.com,"), "wrong length"},
		{"a length past the end", replace("23:https://app.example.com,", "99999999:https://app.example.com,"), "wrong length"},
		{"a length past int64", replace("23:https://app.example.com,", "99999999999999999999:https://app.example.com,"), "wrong length"},
		{"another separator", replace("example.com,25:", "example.com;25:"), "wrong length"},
		{"a list longer than the text", replace(",1:3,4:main,", ",9:999999999,4:main,"), "list"},
		{"a list of negative length", replace(",1:3,4:main,", ",2:-2,4:main,"), "list"},
		{"a list that ends early", replace(",1:3,4:main,", ",1:4,4:main,"), "without a length"},
		{"a number that is none", replace("5:30000,", "5:30x00,"), "number"},
		{"a number with a leading zero", replace("5:30000,", "6:030000,"), "number"},
		{"a flag that is no number", replace("1:1,1:2,6:/spa/*,", "1:x,1:2,6:/spa/*,"), "number"},
		{"a flag that is neither 0 nor 1", replace("1:1,1:2,6:/spa/*,", "1:2,1:2,6:/spa/*,"), "0 or 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := policy.Decode(tt.text)
			require.ErrorIs(t, err, policy.ErrInvalid)
			assert.Contains(t, err.Error(), tt.want)
			assert.Nil(t, got)
		})
	}
	t.Run("every prefix", func(t *testing.T) {
		t.Parallel()
		for n := range good {
			_, err := policy.Decode(good[:n])
			require.ErrorIs(t, err, policy.ErrInvalid, "%d bytes", n)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	main := func(edit func(*policy.Client)) func(*policy.Table) {
		return func(t *policy.Table) { edit(&t.Clients[0]) }
	}
	path := func(p string) func(*policy.Table) {
		return main(func(c *policy.Client) { c.Resources[0].Path = p })
	}
	token := func(e policy.Endpoint) func(*policy.Table) {
		return main(func(c *policy.Client) { c.Token = e })
	}
	own := func(edit func(*policy.Client)) func(*policy.Table) {
		return func(t *policy.Table) { edit(&t.Clients[2]) }
	}
	signIn := func(edit func(*policy.SignIn)) func(*policy.Table) {
		return own(func(c *policy.Client) { edit(&c.SignIn) })
	}
	tests := []struct {
		name string
		edit func(*policy.Table)
		want string // "" for a table that passes
	}{
		{"the table itself", func(*policy.Table) {}, ""},
		{"no resources", main(func(c *policy.Client) { c.Resources = nil }), ""},
		{"no other endpoints", main(func(c *policy.Client) {
			c.Revocation, c.UserInfo, c.EndSession = policy.Endpoint{}, policy.Endpoint{}, policy.Endpoint{}
		}), ""},
		{"a path with harmless escapes", path("/caf%C3%A9/%20/*"), ""},
		{"a path with a bar and brackets, which browsers keep", path("/a|[b]/*"), ""},
		{"an http origin", func(t *policy.Table) { t.AppOrigin = "http://app.example.localhost:8080" }, ""},
		{"an IPv6 origin", main(func(c *policy.Client) { c.Resources[0].Origin = "https://[::1]:8443" }), ""},

		{"no app origin", func(t *policy.Table) { t.AppOrigin = "" }, "app origin"},
		{"an app origin in upper case", func(t *policy.Table) { t.AppOrigin = "https://App.example.com" }, "app origin"},
		{"an app origin with a path", func(t *policy.Table) { t.AppOrigin = "https://app.example.com/" }, "app origin"},
		{"an app origin with credentials", func(t *policy.Table) { t.AppOrigin = "https://a@app.example.com" }, "app origin"},
		{"an app origin of a scheme alone", func(t *policy.Table) { t.AppOrigin = "https://" }, "app origin"},
		{"an app origin of a port alone", func(t *policy.Table) { t.AppOrigin = "https://:443" }, "app origin"},
		{"a vault origin of another scheme", func(t *policy.Table) { t.VaultOrigin = "ftp://vault.example.com" }, "vault origin"},
		{"equal origins", func(t *policy.Table) { t.VaultOrigin = t.AppOrigin }, "vault origin"},
		{"no timeout", func(t *policy.Table) { t.TimeoutMS = 0 }, "timeout"},
		{"a negative timeout", func(t *policy.Table) { t.TimeoutMS = -1 }, "timeout"},
		{"no clients", func(t *policy.Table) { t.Clients = nil }, "clients"},
		{"a name twice", main(func(c *policy.Client) { c.Name = "partner" }), "name used twice"},
		{"no name", main(func(c *policy.Client) { c.Name = "" }), "no name"},
		{"no client_id", main(func(c *policy.Client) { c.ID = "" }), "no client_id"},
		{"a scope that is not UTF-8", main(func(c *policy.Client) { c.Scope = "\xff" }), "not UTF-8"},
		{"a negative refresh before", main(func(c *policy.Client) { c.RefreshBeforeMS = -1 }), "refresh before"},
		{"no redact", main(func(c *policy.Client) { c.Redact = nil }), "not both redacted"},
		{"refresh_token not redacted", main(func(c *policy.Client) { c.Redact = []string{"access_token"} }), "not both redacted"},
		{"an empty redact name", main(func(c *policy.Client) { c.Redact = append(c.Redact, "") }), "no JSON member name"},
		{"a resource at the vault", main(func(c *policy.Client) { c.Resources[0].Origin = "https://vault.example.com" }), "vault origin"},
		{"no redirect origins", func(t *policy.Table) { t.RedirectOrigins = nil }, ""},
		{"a redirect origin with a path", func(t *policy.Table) { t.RedirectOrigins[0] += "/" }, "not an origin"},
		{"a redirect origin for all", func(t *policy.Table) { t.RedirectOrigins[0] = "*" }, "not an origin"},
		{"a redirect origin of a scheme alone", func(t *policy.Table) { t.RedirectOrigins[0] = "https:" }, "not an origin"},
		{"a redirect origin that is a directive", func(t *policy.Table) { t.RedirectOrigins[0] += "; script-src *" }, "not an origin"},
		{"a redirect origin twice", func(t *policy.Table) { t.RedirectOrigins = append(t.RedirectOrigins, t.RedirectOrigins[0]) }, "named before"},
		{"a redirect origin that is the app's", func(t *policy.Table) { t.RedirectOrigins[0] = t.AppOrigin }, "named before"},
		{"a redirect origin that is the vault's", func(t *policy.Table) { t.RedirectOrigins[0] = t.VaultOrigin }, "named before"},
		{"a redirect origin with a resource", func(t *policy.Table) { t.RedirectOrigins[0] = "https://api.partner.example" }, "named before"},
		{"a redirect origin with an endpoint", func(t *policy.Table) { t.RedirectOrigins[0] = "https://auth.example.com" }, "named before"},
		{"an endpoint at the vault", main(func(c *policy.Client) { c.UserInfo.Origin = "https://vault.example.com" }), "vault origin"},

		{"no token endpoint", token(policy.Endpoint{}), "no token endpoint"},
		{"an endpoint without origin", token(policy.Endpoint{Path: "/token"}), "origin"},
		{"an endpoint without path", token(policy.Endpoint{Origin: "https://a.example"}), "path"},
		{"an endpoint with a star", token(policy.Endpoint{Origin: "https://a.example", Path: "/token/*"}), "exact"},
		{"an endpoint with a ;", token(policy.Endpoint{Origin: "https://a.example", Path: "/token;x"}), "raw ;"},
		{"an endpoint with a space in its query", token(policy.Endpoint{Origin: "https://a.example", Path: "/token", Query: "a b"}), "query"},
		{"an endpoint with a fragment in its query", token(policy.Endpoint{Origin: "https://a.example", Path: "/token", Query: "a#b"}), "query"},

		{"no pushed authorization requests", signIn(func(s *policy.SignIn) { s.Pushed = policy.Endpoint{} }), ""},
		{"no claims and no parameters", signIn(func(s *policy.SignIn) { s.Claims, s.Parameters = nil, nil }), ""},
		{"a sign-in of the app", own(func(c *policy.Client) { c.SignIn = policy.SignIn{} }), ""},
		{"a sign-in without authorization endpoint", signIn(func(s *policy.SignIn) { s.Authorization = policy.Endpoint{} }), "no authorization endpoint"},
		{"a key set of a sign-in of the app", main(func(c *policy.Client) { c.SignIn.Keys = c.Token }), "no authorization endpoint"},
		{"a pushed authorization endpoint of a sign-in of the app", main(func(c *policy.Client) { c.SignIn.Pushed = c.Token }), "no authorization endpoint"},
		{"a required issuer of a sign-in of the app", main(func(c *policy.Client) { c.SignIn.RequireIssuer = true }), "no authorization endpoint"},
		{"claims of a sign-in of the app", main(func(c *policy.Client) { c.SignIn.Claims = []string{"sub"} }), "no authorization endpoint"},
		{"an authorization endpoint without origin", signIn(func(s *policy.SignIn) { s.Authorization.Origin = "" }), "origin"},
		{"an authorization endpoint with a star", signIn(func(s *policy.SignIn) { s.Authorization.Path = "/*" }), "exact"},
		{"an authorization endpoint at the vault", signIn(func(s *policy.SignIn) { s.Authorization.Origin = "https://vault.example.com" }), "vault origin"},
		{"an authorization endpoint at the app", signIn(func(s *policy.SignIn) { s.Authorization.Origin = "https://app.example.com" }), "app origin"},
		{"a pushed authorization endpoint without path", signIn(func(s *policy.SignIn) { s.Pushed.Path = "" }), "path"},
		{"a key set with a fragment", signIn(func(s *policy.SignIn) { s.Keys.Query = "#" }), "query"},
		{"a key set at the vault", signIn(func(s *policy.SignIn) { s.Keys.Origin = "https://vault.example.com" }), "vault origin"},
		{"no key set", signIn(func(s *policy.SignIn) { s.Keys = policy.Endpoint{} }), "no key set"},
		{"a sign-in without issuer", own(func(c *policy.Client) { c.Issuer = "" }), "no issuer"},
		{"nowhere to return to", signIn(func(s *policy.SignIn) { s.ReturnTo = nil }), "nowhere"},
		{"a return to another origin", signIn(func(s *policy.SignIn) { s.ReturnTo[0] = "//evil.example/*" }), "empty or dot segment"},
		{"a return with a star inside", signIn(func(s *policy.SignIn) { s.ReturnTo[0] = "/*/x" }), "stands elsewhere"},
		{"a return to no path", signIn(func(s *policy.SignIn) { s.ReturnTo[0] = "" }), `begin with "/"`},
		{"a claim without a name", signIn(func(s *policy.SignIn) { s.Claims[0] = "" }), "without a name"},
		{"a parameter that is not UTF-8", signIn(func(s *policy.SignIn) { s.Parameters[0] = "\xff" }), "without a name"},
		{"a redirect origin with a key set", func(t *policy.Table) { t.RedirectOrigins[0] = "https://keys.own.example" }, "named before"},
		{"a resource indicator that is a name", own(func(c *policy.Client) { c.Resources[1].Indicator = "urn:example:api" }), ""},
		{"a resource indicator with a fragment", own(func(c *policy.Client) { c.Resources[1].Indicator += "#x" }), "not a URI"},
		{"a resource indicator with a space", own(func(c *policy.Client) { c.Resources[1].Indicator += " x" }), "not a URI"},

		{"a path without slash", path("v1/*"), `begin with "/"`},
		{"no path", path(""), `begin with "/"`},
		{"a star alone", path("*"), "stands elsewhere"},
		{"a star in the middle", path("/v1/*/items"), "stands elsewhere"},
		{"two stars", path("/v1/*/*"), "stands elsewhere"},
		{"a star after a letter", path("/v1*"), "stands elsewhere"},
		{"an encoded slash", path("/v1%2f/*"), "encoded"},
		{"a dot segment", path("/v1/../*"), "dot segment"},
		{"an empty segment", path("/v1//*"), "empty"},
		{"a backslash", path(`/v1\x`), "encoded"},
		{"raw non-ASCII", path("/é/*"), "non-ASCII"},
		{"a query", path("/v1?x=1"), "ends a path"},
		{"a fragment", path("/v1#x"), "ends a path"},
		{"a space", path("/a b/*"), "percent-escape"},
		{"no methods", main(func(c *policy.Client) { c.Resources[0].Methods = nil }), "no method"},
		{"an empty method", main(func(c *policy.Client) { c.Resources[0].Methods = []string{""} }), "upper case"},
		{"a method in lower case", main(func(c *policy.Client) { c.Resources[0].Methods = []string{"get"} }), "upper case"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := hostileTable()
			tt.edit(table)
			err := table.Check()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, policy.ErrInvalid)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}
