package static

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// table is a deployment with a server and an API beside app and vault.
func table(scheme string) *policy.Table {
	return &policy.Table{
		AppOrigin:   scheme + "://app.example.com",
		VaultOrigin: scheme + "://vault.example.com",
		TimeoutMS:   1000,
		Clients: []policy.Client{{
			Name: "main", ID: "spa",
			Token:     policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"},
			Redact:    []string{"access_token", "refresh_token"},
			Resources: []policy.Rule{{Origin: "https://api.example.com", Path: "/v1/*", Methods: []string{"GET"}}},
		}},
	}
}

// signsIn is table with a second client that the vault signs in.
func signsIn(scheme string) *policy.Table {
	table := table(scheme)
	table.Clients = append(table.Clients, policy.Client{
		Name: "own", ID: "own", Issuer: "https://login.example.com:8443/realm",
		Token:      policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"},
		EndSession: policy.Endpoint{Origin: "https://logout.example.com", Path: "/"},
		Redact:     []string{"access_token", "refresh_token"},
		SignIn: policy.SignIn{
			Authorization: policy.Endpoint{Origin: "https://login.example.com:8443", Path: "/authorize"},
			Keys:          policy.Endpoint{Origin: "https://keys.example.com", Path: "/jwks"},
			ReturnTo:      []string{"/*"},
		},
	})
	return table
}

// value returns a header's value and fails on a name that is there twice.
func value(tb testing.TB, headers []Header, name string) string {
	tb.Helper()
	found := ""
	for _, header := range headers {
		if header.Name == name {
			require.Empty(tb, found, "%s is set twice", name)
			found = header.Value
		}
	}
	return found
}

// The expected text is DESIGN §9, letter by letter.
func TestVaultHeadersAreTheDesigns(t *testing.T) {
	table := table("https")
	connect := strings.Join(table.Origins(), " ")
	require.Contains(t, connect, "https://auth.example.com")
	require.Contains(t, connect, "https://api.example.com")
	require.Equal(t, []Header{
		{"Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' " + connect +
			"; frame-ancestors https://app.example.com; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"},
		{"Origin-Agent-Cluster", "?1"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Embedder-Policy", "require-corp"},
		{"Cross-Origin-Resource-Policy", "same-site"},
		{"Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Content-Type-Options", "nosniff"},
		{"Strict-Transport-Security", "max-age=63072000; includeSubDomains"},
	}, VaultHeaders(table, FrameName))
}

func TestPagesAreFramedByNobody(t *testing.T) {
	const csp = "Content-Security-Policy"
	require.NoError(t, signsIn("https").Check())
	require.Equal(t, []string{protocol.LoginPage, protocol.CallbackPage, protocol.LogoutPage, protocol.SignedOutPage, protocol.FrontChannelPage}, Pages(signsIn("https")))
	require.Empty(t, Pages(table("https")), "the app signs in by itself")

	frame := VaultHeaders(signsIn("https"), FrameName)
	require.Equal(t, frame, VaultHeaders(signsIn("https"), "none.js"))
	require.Contains(t, value(t, frame, csp), "frame-ancestors https://app.example.com;")
	require.NotContains(t, value(t, frame, csp), "style-src", "default-src 'none' is for the frame")
	require.Contains(t, value(t, frame, csp), "https://keys.example.com", "where the vault finds keys")

	for _, page := range Pages(signsIn("https")) {
		headers := VaultHeaders(signsIn("https"), page)
		ancestors := "frame-ancestors 'none';"
		if page == protocol.FrontChannelPage {
			require.False(t, TopLevel(page))
			ancestors = "frame-ancestors https://login.example.com:8443 https://logout.example.com;"
		} else {
			require.True(t, TopLevel(page), page)
		}
		want := strings.Replace(value(t, frame, csp), "frame-ancestors https://app.example.com;", ancestors, 1)
		want = strings.Replace(want, "; connect-src", "; style-src 'self'; connect-src", 1)
		require.Equal(t, want, value(t, headers, csp), page)
		require.Equal(t, frame[1:], headers[1:], "all else as in the frame: %s", page)

		require.Equal(t, VaultHeaders(table("https"), FrameName), VaultHeaders(table("https"), page), "no such page")
	}
}

// What a host says about all files is no stricter than what it says about one.
func TestHeadersOfAll(t *testing.T) {
	const csp = "Content-Security-Policy"
	require.Equal(t, VaultHeaders(table("https"), FrameName), VaultHeadersOfAll(table("https")))

	directives := func(headers []Header) map[string]string {
		found := map[string]string{}
		for directive := range strings.SplitSeq(value(t, headers, csp), "; ") {
			name, sources, _ := strings.Cut(directive, " ")
			found[name] = sources
		}
		return found
	}
	all := VaultHeadersOfAll(signsIn("https"))
	for _, name := range append(Pages(signsIn("https")), FrameName) {
		headers := VaultHeaders(signsIn("https"), name)
		require.Equal(t, headers[1:], all[1:])
		for directive, sources := range directives(headers) {
			if sources == "'none'" {
				continue
			}
			for source := range strings.FieldsSeq(sources) {
				require.Contains(t, strings.Fields(directives(all)[directive]), source, "%s of %s", directive, name)
			}
		}
	}
}

// Where redirects may lead, the vault may connect to, and nobody else does of ours.
func TestOnlyTheVaultConnectsToRedirectOrigins(t *testing.T) {
	const csp, listed = "Content-Security-Policy", "connect-src 'self' https://auth.example.com https://api.example.com;"
	with := table("https")
	with.RedirectOrigins = []string{"https://storage.example.net", "https://cdn.example.net:8443"}
	require.Equal(t,
		strings.Replace(value(t, VaultHeaders(table("https"), FrameName), csp), listed,
			"connect-src 'self' https://auth.example.com https://api.example.com https://storage.example.net https://cdn.example.net:8443;", 1),
		value(t, VaultHeaders(with, FrameName), csp))
	require.Equal(t, WorkerHeaders(table("https")), WorkerHeaders(with))
}

func TestStrictTransportSecurityOnlyForHTTPS(t *testing.T) {
	require.NotEmpty(t, value(t, VaultHeaders(table("https"), FrameName), "Strict-Transport-Security"))
	require.Empty(t, value(t, VaultHeaders(table("http"), FrameName), "Strict-Transport-Security"))
}

func TestWebAssemblyInTheAppOnlyForTheWorker(t *testing.T) {
	const csp = "Content-Security-Policy"
	require.Contains(t, value(t, WorkerHeaders(table("https")), csp), "'wasm-unsafe-eval'")
	require.Empty(t, value(t, AppHeaders(), csp))
	require.Equal(t, "frame-src https://vault.example.com", FramePolicy(table("https")))
}

func TestServiceWorkerAllowedOnlyWhereTheScopeNeedsIt(t *testing.T) {
	tests := []struct{ name, worker, scope, want string }{
		{"worker in the root", "/interceptor.js", "/", ""},
		{"narrower scope", "/interceptor.js", "/shop/", ""},
		{"scope of the worker's directory", "/js/sw.js", "/js/", ""},
		{"scope above the worker", "/js/sw.js", "/", "/"},
		{"scope beside the worker", "/js/sw.js", "/jsx/", "/jsx/"},
		{"no scope given", "/js/sw.js", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, value(t, ScopeHeaders(test.worker, test.scope), "Service-Worker-Allowed"))
		})
	}
}

func TestHashedNames(t *testing.T) {
	const sum = "0123456789abcdef0123456789abcdef"
	require.Equal(t, "proxy.0123456789abcdef.wasm", HashedName("proxy.wasm", sum))
	require.Equal(t, "wasm_exec.0123456789abcdef.js", HashedName("wasm_exec.js", sum))

	for name, want := range map[string]bool{
		HashedName("proxy.wasm", sum):       true,
		HashedName("page.css", sum):         true,
		"sub/" + HashedName("app.js", sum):  true,
		"interceptor.js":                    false,
		"proxy.html":                        false,
		"app.0123456789ABCDEF.js":           false,
		"app.0123456789abcde.js":            false,
		"0123456789abcdef.js":               false,
		"app.0123456789abcdef.js.html":      false,
		"index.0123456789abcdef.html":       false,
		HashedName("proxy.wasm", sum) + "/": false,
	} {
		require.Equal(t, want, Hashed(name), name)
	}
}
