package policy_test

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
)

// FuzzJudge holds Judge against an oracle that is written another way (net/url
// and path.Clean, which the package itself must not use): whatever gets a token
// is at the exact origin of a configured resource, under its pattern, with its
// method, and still there after any server has decoded and cleaned it.
func FuzzJudge(f *testing.F) {
	table := hostileTable()
	for _, row := range hostileURLs(f) {
		f.Add(row.Origin, row.Path, row.Query, row.Method)
	}
	f.Fuzz(func(t *testing.T, origin, path, query, method string) {
		v := table.Judge(origin, path, query, method)
		switch v.Kind {
		case policy.Resource:
			require.True(t, resourceOracle(table.Clients[v.Client], origin, path, method), "resource: %q %q %q", origin, path, method)
			for _, c := range table.Clients {
				for _, e := range []policy.Endpoint{c.Token, c.Revocation, c.UserInfo, c.EndSession, c.SignIn.Authorization, c.SignIn.Pushed} {
					require.NotEqual(t, e.Origin+e.Path, origin+path, "an endpoint is no resource")
				}
			}
		case policy.Token:
			c := table.Clients[v.Client]
			require.Equal(t, c.Token, policy.Endpoint{Origin: origin, Path: path, Query: query})
			require.False(t, c.OwnsSignIn(), "the app has no way to it")
			require.Equal(t, "POST", method)
		case policy.Revocation:
			c := table.Clients[v.Client]
			require.Equal(t, c.Revocation, policy.Endpoint{Origin: origin, Path: path, Query: query})
			require.Equal(t, "POST", method)
		case policy.UserInfo:
			require.Equal(t, table.Clients[v.Client].UserInfo.URL(), origin+path)
			require.Contains(t, []string{"GET", "POST"}, method)
		case policy.EndSession:
			require.Equal(t, table.Clients[v.Client].EndSession.URL(), origin+path)
			require.Contains(t, []string{"GET", "POST"}, method)
		case policy.Bypass:
			require.Equal(t, policy.NoClient, v.Client)
			require.False(t, plainlyOurs(table, origin, path, method), "left alone: %q %q %q", origin, path, method)
		case policy.Deny:
			require.NotEqual(t, policy.NoReason, v.Reason)
			require.Contains(t, table.Origins(), origin)
		}
		if v.Kind != policy.Deny {
			require.Equal(t, policy.NoReason, v.Reason)
		}
	})
}

// resourceOracle reports whether a token may go to a URL, by segments.
func resourceOracle(c policy.Client, origin, rawPath, method string) bool {
	if strings.ContainsFunc(rawPath, func(r rune) bool { return r <= ' ' && r != ' ' || r > '~' || r == '\\' || r == ';' }) {
		return false
	}
	decoded := rawPath
	for range len(rawPath) {
		next, err := url.PathUnescape(decoded)
		if err != nil {
			// Only the first decoding must succeed: "%25" alone is a percent.
			if decoded == rawPath {
				return false
			}
			break
		}
		if next == decoded {
			break
		}
		if strings.Count(next, "/") != strings.Count(rawPath, "/") || strings.Count(next, ".") != strings.Count(rawPath, ".") ||
			strings.ContainsAny(next, "\\;\x00\r\n\t\x7f") {
			return false
		}
		decoded = next
	}
	clean := path.Clean(decoded)
	if strings.HasSuffix(decoded, "/") && clean != "/" {
		clean += "/"
	}
	if clean != decoded {
		return false
	}
	have := strings.Split(rawPath, "/")
	return slices.ContainsFunc(c.Resources, func(r policy.Rule) bool {
		want := strings.Split(r.Path, "/")
		if last := len(want) - 1; want[last] == "*" {
			if len(have) <= last || !slices.Equal(want[:last], have[:last]) {
				return false
			}
		} else if !slices.Equal(want, have) {
			return false
		}
		allowed := slices.Contains(r.Methods, method) || method == "HEAD" && slices.Contains(r.Methods, "GET")
		return r.Origin == origin && allowed
	})
}

// plainlyOurs reports whether a URL of letters, digits, hyphens and single
// slashes gets a token by the oracle: such a request must not go out without.
func plainlyOurs(table *policy.Table, origin, rawPath, method string) bool {
	plain := !strings.ContainsFunc(rawPath, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '/'
	})
	// The one has endpoints told apart by query, the other some that are left alone.
	if !plain || origin == "https://login.partner.example" || origin == "https://login.own.example" {
		return false
	}
	return slices.ContainsFunc(table.Clients, func(c policy.Client) bool {
		return resourceOracle(c, origin, rawPath, method)
	})
}

// FuzzMayReturnTo: where a sign-in ends is a path of the app, and with a pattern of
// its own it is still below it after any server has decoded and cleaned it.
func FuzzMayReturnTo(f *testing.F) {
	for _, row := range hostileURLs(f) {
		f.Add(row.Path)
	}
	f.Add("/app/..%2fadmin")
	f.Add(`/\evil`)
	part := &policy.SignIn{ReturnTo: []string{"/app/*"}}
	whole := &policy.SignIn{ReturnTo: []string{"/*"}}
	oracle := policy.Client{Resources: []policy.Rule{{Path: "/app/*", Methods: []string{"GET"}}}}
	f.Fuzz(func(t *testing.T, path string) {
		if whole.MayReturnTo(path) {
			require.Regexp(t, `^/($|[^/\\])`, path)
		} else {
			require.False(t, part.MayReturnTo(path), "a part of the app is in the app")
		}
		if part.MayReturnTo(path) {
			require.True(t, resourceOracle(oracle, "", path, "GET"), "%q", path)
		}
	})
}

// FuzzDecode: no text makes Decode panic; what it accepts has that one spelling.
func FuzzDecode(f *testing.F) {
	f.Add("")
	f.Add("tokenvault policy 3\n")
	f.Add(policy.Encode(&policy.Table{}))
	f.Add(policy.Encode(hostileTable()))
	f.Fuzz(func(t *testing.T, text string) {
		table, err := policy.Decode(text)
		if err != nil {
			require.ErrorIs(t, err, policy.ErrInvalid)
			require.Nil(t, table)
			return
		}
		require.Equal(t, text, policy.Encode(table))
	})
}

// FuzzEncode: any table comes back as it was, and Check says of any whether it is one.
func FuzzEncode(f *testing.F) {
	f.Add("main", "spa", "openid", "https://auth.example.com", "/v1/*", "a=b", "GET", "id_token", int64(30_000), "urn:api", true)
	f.Fuzz(func(t *testing.T, name, id, scope, issuer, path, query, method, redact string, ms int64, text string, flag bool) {
		table := hostileTable()
		c := &table.Clients[0]
		c.Name, c.ID, c.Scope, c.Issuer = name, id, scope, issuer
		c.Token.Query = query
		c.Redact = append(c.Redact, redact)
		c.RefreshBeforeMS = ms
		c.Resources = append(c.Resources, policy.Rule{Origin: "https://x.example", Path: path, Methods: []string{method}, Indicator: text})
		c.DPoP = flag
		own := &table.Clients[2]
		own.Scope, own.DPoP = text, !flag
		own.SignIn.RequireIssuer = flag
		own.SignIn.Keys.Query = query
		own.SignIn.ReturnTo = append(own.SignIn.ReturnTo, path)
		own.SignIn.Claims = append(own.SignIn.Claims, text)
		own.SignIn.Parameters = append(own.SignIn.Parameters, method)
		got, err := policy.Decode(policy.Encode(table))
		require.NoError(t, err)
		assert.Equal(t, table, got)
		if err := table.Check(); err != nil {
			require.ErrorIs(t, err, policy.ErrInvalid)
		}
	})
}
