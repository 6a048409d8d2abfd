package policy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
)

// TestHostileURLs judges the corpus of hostile URLs. Its controls, the rows that
// want more than a refusal, show that the table is not one that refuses all.
func TestHostileURLs(t *testing.T) {
	t.Parallel()
	table := hostileTable()
	for _, row := range hostileURLs(t) {
		t.Run(row.Note+" "+row.URL, func(t *testing.T) {
			t.Parallel()
			if row.Want == "invalid" {
				assert.Empty(t, row.Origin+row.Path+row.Query, "a URL that does not parse has no parts")
				return
			}
			method := row.Method
			if method == "" {
				method = "GET"
			}
			v := table.Judge(row.Origin, row.Path, row.Query, method)
			assert.Equal(t, row.Want, v.Kind.String())
			if row.Want == "deny" {
				assert.Equal(t, row.Reason, v.Reason.String())
			} else {
				assert.Equal(t, policy.NoReason, v.Reason)
			}
			if row.Want == "bypass" {
				assert.Equal(t, policy.NoClient, v.Client)
			} else {
				assert.Contains(t, []int{0, 1, 2}, v.Client)
			}
		})
	}
}

// TestHostileURLsWithoutDefence is the positive control of the corpus: a judge
// that matches the way the vault must not (by prefix of the URL, by host suffix,
// by substring) lets many rows through that Judge refuses.
func TestHostileURLsWithoutDefence(t *testing.T) {
	t.Parallel()
	naive := map[string]func(hostileURL) bool{
		"prefix of the path, unsuspecting": func(r hostileURL) bool {
			return r.Origin == "https://api.example.com" && len(r.Path) >= 3 && r.Path[:3] == "/v1"
		},
		"prefix of the string": func(r hostileURL) bool {
			const want = "https://api.example.com"
			return len(r.URL) >= len(want) && r.URL[:len(want)] == want
		},
	}
	for name, allows := range naive {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			through := 0
			for _, row := range hostileURLs(t) {
				if allows(row) && (row.Want == "deny" || row.Want == "bypass") {
					through++
				}
			}
			assert.Greater(t, through, 20)
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const api = "https://api.example.com"
	twoRules := &policy.Table{Clients: []policy.Client{
		{Resources: []policy.Rule{{Origin: api, Path: "/v1/*", Methods: []string{"GET"}}}},
		{Resources: []policy.Rule{
			{Origin: api, Path: "/v1/items", Methods: []string{"POST"}},
			{Origin: api, Path: "/v1/head", Methods: []string{"HEAD"}},
		}},
	}}
	inside := &policy.Table{Clients: []policy.Client{{
		Token:      policy.Endpoint{Origin: api, Path: "/v1/token"},
		Revocation: policy.Endpoint{Origin: api, Path: "/v1/revoke"},
		UserInfo:   policy.Endpoint{Origin: api, Path: "/v1/userinfo"},
		EndSession: policy.Endpoint{Origin: api, Path: "/v1/logout"},
		Resources:  []policy.Rule{{Origin: api, Path: "/*", Methods: []string{"GET", "POST", "PUT"}}},
	}}}
	byQuery := &policy.Table{Clients: []policy.Client{{
		Token:      policy.Endpoint{Origin: api, Path: "/index", Query: "do=token"},
		Revocation: policy.Endpoint{Origin: api, Path: "/index", Query: "do=revoke"},
	}}}
	own := policy.Client{
		Token:     policy.Endpoint{Origin: api, Path: "/v1/token"},
		Resources: []policy.Rule{{Origin: api, Path: "/*", Methods: []string{"GET", "POST"}}},
		SignIn:    policy.SignIn{Authorization: policy.Endpoint{Origin: api, Path: "/v1/authorize"}},
	}
	owned := &policy.Table{Clients: []policy.Client{own}}
	shared := &policy.Table{Clients: []policy.Client{own, {Token: own.Token}}}
	foreign := &policy.Table{Clients: []policy.Client{
		{Token: own.Token, SignIn: own.SignIn}, {Token: own.Token, Resources: own.Resources},
	}}
	is := func(kind policy.Kind, client int) policy.Verdict {
		return policy.Verdict{Kind: kind, Client: client}
	}
	no := func(client int, reason policy.Reason) policy.Verdict {
		return policy.Verdict{Kind: policy.Deny, Client: client, Reason: reason}
	}
	leave := is(policy.Bypass, policy.NoClient)

	tests := []struct {
		name                        string
		table                       *policy.Table
		origin, path, query, method string
		want                        policy.Verdict
	}{
		{"an empty table leaves all alone", &policy.Table{}, api, "/v1/items", "", "GET", leave},
		{"an empty origin is nobody's", twoRules, "", "/v1/items", "", "GET", leave},
		{"an empty origin is no missing endpoint's", twoRules, "", "", "", "POST", leave},
		{"an opaque origin is nobody's", twoRules, "null", "/v1/items", "", "GET", leave},
		{"a blob: that the caller did not stop", twoRules, api, "https://api.example.com/v1/items", "", "GET", leave},
		{"a blob: where the whole origin is ours", inside, api, "https://api.example.com/8d0c", "", "GET", leave},
		{"an empty path", twoRules, api, "", "", "GET", leave},
		{"a path without slash", twoRules, api, "v1/items", "", "GET", leave},
		{"raw backslash", twoRules, api, `/v1\items`, "", "GET", no(0, policy.SuspiciousPath)},
		{"raw dot segments", twoRules, api, "/v1/../items", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw dot segment at the end", twoRules, api, "/v1/..", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw single dot at the end", twoRules, api, "/v1/.", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw dot segments that leave", twoRules, api, "/x/../../y", "", "GET", leave},
		{"raw control character", twoRules, api, "/v1/a\nb", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw DEL", twoRules, api, "/v1/a\x7fb", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw non-ASCII", twoRules, api, "/v1/é", "", "GET", no(0, policy.SuspiciousPath)},
		{"raw percent at the end", twoRules, api, "/v1/%", "", "GET", no(0, policy.SuspiciousPath)},
		{"escaped percent at the end is a letter", twoRules, api, "/v1/%25", "", "GET", is(policy.Resource, 0)},
		{"escaped percent before a hex digit is a letter", twoRules, api, "/v1/%252", "", "GET", is(policy.Resource, 0)},
		{"escaped escape of a letter is a letter", twoRules, api, "/v1/%2541", "", "GET", is(policy.Resource, 0)},
		{"three-byte UTF-8 from E0 is a letter", twoRules, api, "/v1/%e0%a4%85", "", "GET", is(policy.Resource, 0)},
		{"four-byte UTF-8 from F0 is a letter", twoRules, api, "/v1/%f0%9f%98%80", "", "GET", is(policy.Resource, 0)},
		{"Latin-1 E0 is a letter", twoRules, api, "/v1/%e0x", "", "GET", is(policy.Resource, 0)},
		{"Latin-1 E0 at the end is a letter", twoRules, api, "/v1/%E0", "", "GET", is(policy.Resource, 0)},
		{"doubly encoded overlong", twoRules, api, "/v1/%25c0%25af", "", "GET", no(0, policy.SuspiciousPath)},

		{"first client's method", twoRules, api, "/v1/items", "", "GET", is(policy.Resource, 0)},
		{"second client's method", twoRules, api, "/v1/items", "", "POST", is(policy.Resource, 1)},
		{"nobody's method names the first", twoRules, api, "/v1/items", "", "PUT", no(0, policy.MethodNotAllowed)},
		{"no method", twoRules, api, "/v1/items", "", "", no(0, policy.MethodNotAllowed)},
		{"lower-case get", twoRules, api, "/v1/items", "", "get", no(0, policy.MethodNotAllowed)},
		{"HEAD by GET", twoRules, api, "/v1/x", "", "HEAD", is(policy.Resource, 0)},
		{"GET is not by HEAD", &policy.Table{Clients: twoRules.Clients[1:]}, api, "/v1/head", "", "GET", no(0, policy.MethodNotAllowed)},

		{"token endpoint beats a resource", inside, api, "/v1/token", "", "POST", is(policy.Token, 0)},
		{"token endpoint with a resource's method", inside, api, "/v1/token", "", "PUT", no(0, policy.MethodNotAllowed)},
		{"revocation endpoint beats a resource", inside, api, "/v1/revoke", "", "POST", is(policy.Revocation, 0)},
		{"UserInfo beats a resource", inside, api, "/v1/userinfo", "", "GET", is(policy.UserInfo, 0)},
		{"UserInfo with POST and a query", inside, api, "/v1/userinfo", "x=1", "POST", is(policy.UserInfo, 0)},
		{"UserInfo with HEAD", inside, api, "/v1/userinfo", "", "HEAD", no(0, policy.MethodNotAllowed)},
		{"end-session beats a resource", inside, api, "/v1/logout", "x", "POST", is(policy.EndSession, 0)},
		{"beside the endpoints", inside, api, "/v1/tokens", "", "PUT", is(policy.Resource, 0)},
		{"token endpoint with a query is no resource", inside, api, "/v1/token", "x=1", "POST", no(0, policy.QueryNotAllowed)},
		{"revocation endpoint with a query is no resource", inside, api, "/v1/revoke", "x=1", "GET", no(0, policy.QueryNotAllowed)},

		{"token endpoint of a sign-in of the vault", owned, api, "/v1/token", "", "POST", leave},
		{"the same with a query", owned, api, "/v1/token", "x=1", "POST", leave},
		{"the same with a resource's method", owned, api, "/v1/token", "", "GET", leave},
		{"the same with a method that is nobody's", owned, api, "/v1/token", "", "PUT", leave},
		{"the same, suspicious", owned, api, "/v1/x%2f..%2ftoken", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same with an escaped letter", owned, api, "/v1/%74oken", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same in upper case", owned, api, "/V1/TOKEN", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same with a slash more", owned, api, "/v1/token/", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same with a format", owned, api, "/v1/token.json", "", "POST", no(0, policy.SuspiciousPath)},
		{"beside it", owned, api, "/v1/tokens", "", "POST", is(policy.Resource, 0)},
		{"authorization endpoint of a sign-in of the vault", owned, api, "/v1/authorize", "response_type=code", "GET", leave},
		{"the same with POST", owned, api, "/v1/authorize", "", "POST", leave},
		{"the same with a method that is nobody's", owned, api, "/v1/authorize", "", "PUT", leave},
		{"the same in upper case", owned, api, "/V1/Authorize", "response_type=code", "GET", no(0, policy.SuspiciousPath)},
		{"the same with a slash more", owned, api, "/v1/authorize/", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same with an escaped letter", owned, api, "/v1/%61uthorize", "", "GET", no(0, policy.SuspiciousPath)},
		{"the same with an empty segment", owned, api, "/v1//authorize", "", "GET", no(0, policy.SuspiciousPath)},
		{"the same with a format", owned, api, "/v1/authorize.json", "", "GET", no(0, policy.SuspiciousPath)},
		{"another client's resource is where it is", foreign, api, "/v1/authorize", "x=1", "GET", leave},
		{"another client's resource is near it", foreign, api, "/v1/authorize/", "x=1", "GET", no(1, policy.SuspiciousPath)},
		{"beside it", owned, api, "/v1/authorized", "", "GET", is(policy.Resource, 0)},
		{"below it", owned, api, "/v1/authorize/x.y", "", "GET", is(policy.Resource, 0)},
		{"the same path where the app signs in", inside, api, "/v1/authorize", "response_type=code", "GET", is(policy.Resource, 0)},
		{"another client's token endpoint is where that of the vault is", shared, api, "/v1/token", "", "POST", is(policy.Token, 1)},
		{"the same with a query more", shared, api, "/v1/token", "x=1", "POST", no(1, policy.QueryNotAllowed)},
		{"the same with GET", shared, api, "/v1/token", "", "GET", no(1, policy.MethodNotAllowed)},
		{"a resource that a careless server takes for the token endpoint", inside, api, "/v1/Token", "", "POST", no(0, policy.SuspiciousPath)},
		{"a resource that a careless server takes for the revocation endpoint", inside, api, "/v1/revoke/", "", "POST", no(0, policy.SuspiciousPath)},
		{"the same with a method that is nobody's", inside, api, "/v1/Token", "", "PATCH", no(0, policy.MethodNotAllowed)},

		{"two endpoints told apart by query: token", byQuery, api, "/index", "do=token", "POST", is(policy.Token, 0)},
		{"two endpoints told apart by query: revocation", byQuery, api, "/index", "do=revoke", "POST", is(policy.Revocation, 0)},
		{"routed by query: another page", byQuery, api, "/index", "do=home", "GET", leave},
		{"routed by query: no query", byQuery, api, "/index", "", "GET", leave},
		{"routed by query: the endpoint and more", byQuery, api, "/index", "do=revoke&x", "POST", no(0, policy.QueryNotAllowed)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.table.Judge(tt.origin, tt.path, tt.query, tt.method))
		})
	}
}

// A redirect may lead anywhere: to paths, too, that Judge refuses before it compares.
func TestNearEndpoint(t *testing.T) {
	t.Parallel()
	const login, auth = "https://login.own.example", "https://auth.example.com"
	table := hostileTable()
	for _, name := range []string{"token", "revoke", "authorize", "par"} {
		for _, path := range []string{
			"/oauth/" + name, "/oauth/" + name + "/", "/oauth/" + name + ".json", "/oauth//" + name, "/oauth/" + name + ";x",
			"/OAuth/" + strings.ToUpper(name), "/x/..%2foauth/" + name, "/oauth/%" + hexOf(name[0]) + name[1:], `/oauth\` + name,
		} {
			assert.True(t, table.NearEndpoint(login, path), path)
			assert.False(t, table.NearEndpoint("https://api.own.example", path), "elsewhere: %s", path)
		}
		for _, path := range []string{"/oauth/" + name + "s", "/oauth/" + name + "/x", "/" + name, "/oauth/x." + name} {
			assert.False(t, table.NearEndpoint(login, path), path)
		}
	}
	assert.True(t, table.NearEndpoint(auth, "/am/oauth2/realms/root/access_token"), "where the app signs in")
	assert.False(t, table.NearEndpoint(auth, "/am/oauth2/realms/root/authorize"), "which the policy does not know there")
	assert.False(t, table.NearEndpoint(auth, "/am/oauth2/realms/root/userinfo"))
	assert.False(t, table.NearEndpoint("", ""), "no redirect is near no endpoint")
}

// What an endpoint has in its own path is no more seen by such servers.
func TestNearAnOddEndpoint(t *testing.T) {
	t.Parallel()
	const auth = "https://auth.example.com"
	for endpoint, near := range map[string][]string{
		"/realms/My%20Realm/token": {"/realms/My%20Realm/token", "/realms/my%20realm/TOKEN", "/realms/%4dy%20Realm/token/", "/realms/My%20Realm/token.json"},
		"/oauth/token.json":        {"/oauth/token.json", "/oauth/token", "/oauth/token.xml", "/oauth/token/"},
		"/oauth/token/":            {"/oauth/token/", "/oauth/token"},
		"/api/v2":                  {"/api/v2", "/api/V2/", "/api/v2.json", "/api/v2.1", "/api/v2."},
		"/":                        {"/"},
	} {
		table := &policy.Table{Clients: []policy.Client{{Token: policy.Endpoint{Origin: auth, Path: endpoint}}}}
		for _, path := range near {
			assert.True(t, table.NearEndpoint(auth, path), "%s %s", endpoint, path)
		}
		for _, path := range []string{"/realms/Other/token", "/api/v2.0/token", "/oauth/token.json/1", "/x"} {
			assert.False(t, table.NearEndpoint(auth, path), "%s %s", endpoint, path)
		}
	}
}

func hexOf(c byte) string { return strconv.FormatUint(uint64(c), 16) }

func TestZeroValuesDeny(t *testing.T) {
	t.Parallel()
	assert.Equal(t, policy.Deny, policy.Verdict{}.Kind)
	assert.Equal(t, "deny", policy.Kind(0).String())
	assert.Equal(t, "deny", policy.Kind(99).String())
	assert.Equal(t, "none", policy.Reason(0).String())
	assert.Equal(t, "none", policy.Reason(99).String())
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	table := hostileTable()
	for _, row := range hostileURLs(t) {
		if strings.ContainsAny(row.Path, "%;") || strings.Contains(row.Path, "//") {
			continue // may be suspicious, and build the lenient reading
		}
		allocs := testing.AllocsPerRun(10, func() {
			table.Judge(row.Origin, row.Path, row.Query, row.Method)
		})
		assert.Zero(t, allocs, row.URL)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	table := hostileTable()
	assert.Contains(t, table.Places(), policy.Place{Origin: "https://auth.example.com", Path: "/am/oauth2/realms/root/access_token"})
	assert.Contains(t, table.Places(), policy.Place{Origin: "https://api.example.com", Path: "/v1/*"})
	assert.Empty(t, (&policy.Table{}).Places())
	named := 0
	for _, row := range hostileURLs(t) {
		if table.Judge(row.Origin, row.Path, row.Query, row.Method).Kind != policy.Bypass {
			assert.True(t, isPlace(table, row.Origin, row.Path), row.URL)
			named++
		}
	}
	assert.Greater(t, named, 50)
}

// isPlace reports whether a static route of the worker takes a URL there: it is
// one of the table's places, or may be suspicious. The characters are those that
// a suspicious path has once a browser has parsed it.
func isPlace(table *policy.Table, origin, path string) bool {
	maybe := strings.ContainsAny(path, "%;") || strings.Contains(path, "//")
	for _, place := range table.Places() {
		prefix, open := strings.CutSuffix(place.Path, "*")
		if place.Origin == origin && (maybe || path == place.Path || open && strings.HasPrefix(path, prefix)) {
			return true
		}
	}
	return false
}

// What the app has no route to is no place of the worker's either.
func TestOwnedTokenEndpointIsNoPlace(t *testing.T) {
	t.Parallel()
	table := hostileTable()
	table.Clients = table.Clients[2:]
	place := policy.Place{Origin: "https://login.own.example", Path: "/oauth/token"}
	assert.NotContains(t, table.Places(), place)
	assert.Contains(t, table.Places(), policy.Place{Origin: "https://login.own.example", Path: "/oauth/revoke"})
	table.Clients[0].SignIn = policy.SignIn{}
	assert.Contains(t, table.Places(), place, "positive control: it is one where the app signs in")
}

func TestConnectOrigins(t *testing.T) {
	t.Parallel()
	table := hostileTable()
	table.Clients = table.Clients[2:]
	table.Clients[0].SignIn.Pushed.Origin = "https://par.own.example"
	table.Clients[0].SignIn.Authorization.Origin = "https://pages.own.example"
	assert.Equal(t, []string{
		"https://login.own.example", "https://api.own.example",
		"https://par.own.example", "https://keys.own.example", "https://storage.example.net",
	}, table.ConnectOrigins(), "but not where only the browser itself goes")

	table.Clients[0].Resources, table.Clients[0].Revocation = nil, policy.Endpoint{}
	assert.Empty(t, table.Origins(), "no request of the app leads to the vault")
	assert.Contains(t, table.ConnectOrigins(), "https://login.own.example", "which still calls the token endpoint")
	assert.Empty(t, (&policy.Table{}).ConnectOrigins())
}

func TestMayReturnTo(t *testing.T) {
	t.Parallel()
	part := &policy.SignIn{ReturnTo: []string{"/app/*", "/welcome"}}
	whole := &policy.SignIn{ReturnTo: []string{"/*"}}
	tests := []struct {
		path        string
		part, whole bool
	}{
		{"/app/", true, true},
		{"/app/orders/1", true, true},
		{"/app/caf%C3%A9", true, true},
		{"/welcome", true, true},
		{"/", false, true},
		{"/app", false, true},
		{"/apple", false, true},
		{"/welcome/", false, true},
		{"/Welcome", false, true},
		{"/app/..%2fadmin", false, true},
		{"/app/%2e%2e/admin", false, true},
		{"/app/../admin", false, true},
		{"/app//evil.example", false, true},
		{"/app/x;y", false, true},
		{"", false, false},
		{"app/", false, false},
		{"//evil.example/app/", false, false},
		{"//evil", false, false},
		{`/\evil.example`, false, false},
		{`\\evil.example`, false, false},
		{`\`, false, false},
		{`/app/\evil`, false, false},
		{"https://evil.example/app/", false, false},
		{"javascript:alert(1)", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.part, part.MayReturnTo(tt.path))
			assert.Equal(t, tt.whole, whole.MayReturnTo(tt.path))
			assert.False(t, (&policy.SignIn{}).MayReturnTo(tt.path))
		})
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	table := hostileTable()
	assert.Equal(t, []string{
		"https://auth.example.com", "https://api.example.com", "https://files.example.com:8443",
		"https://login.partner.example", "https://api.partner.example",
		"https://login.own.example", "https://api.own.example",
	}, table.Origins())
	assert.Empty(t, (&policy.Table{}).Origins())

	known := make(map[string]bool)
	for _, origin := range table.Origins() {
		known[origin] = true
	}
	for _, row := range hostileURLs(t) {
		if !known[row.Origin] {
			v := table.Judge(row.Origin, row.Path, row.Query, "GET")
			assert.Equal(t, policy.Bypass, v.Kind, row.URL)
		}
	}
}

func TestClientIndex(t *testing.T) {
	t.Parallel()
	table := &policy.Table{Clients: []policy.Client{
		{Name: "main", ID: "spa"},
		{Name: "admin", ID: "shared"},
		{Name: "other", ID: "shared"},
		{Name: "third", ID: "shared"},
		{Name: "spa2", ID: "main"},
	}}
	tests := []struct {
		name, client string
		want         int
		ok           bool
	}{
		{"by name", "admin", 1, true},
		{"by client_id", "spa", 0, true},
		{"name beats client_id", "main", 0, true},
		{"a shared client_id names nobody", "shared", policy.NoClient, false},
		{"unknown", "nobody", policy.NoClient, false},
		{"empty", "", policy.NoClient, false},
		{"another case", "Main", policy.NoClient, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := table.ClientIndex(tt.client)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.ok, ok)
		})
	}
}

func TestEndpointURL(t *testing.T) {
	t.Parallel()
	assert.Empty(t, policy.Endpoint{}.URL())
	assert.True(t, policy.Endpoint{}.IsZero())
	e := policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"}
	assert.Equal(t, "https://auth.example.com/token", e.URL())
	assert.False(t, e.IsZero())
	e.Query = "p=a"
	assert.Equal(t, "https://auth.example.com/token?p=a", e.URL())
}

func BenchmarkJudge(b *testing.B) {
	table := hostileTable()
	require.NoError(b, table.Check())
	benchmarks := []struct{ name, origin, path, method string }{
		{"resource", "https://api.example.com", "/v1/users/42/orders", "GET"},
		{"last resource", "https://api.partner.example", "/data/users/42/orders", "GET"},
		{"token", "https://auth.example.com", "/am/oauth2/realms/root/access_token", "POST"},
		{"other path", "https://api.example.com", "/public/logo.svg", "GET"},
		{"other origin", "https://cdn.example.com", "/lib.js", "GET"},
		{"escapes", "https://api.example.com", "/v1/caf%C3%A9/cr%C3%A8me%20br%C3%BBl%C3%A9e", "GET"},
		{"suspicious", "https://api.example.com", "/v1/..%2f..%2fadmin", "GET"},
	}
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Judge(bm.origin, bm.path, "", bm.method)
			}
		})
	}
}
