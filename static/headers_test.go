package static

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
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
	}, VaultHeaders(table))
}

// Where redirects may lead, the vault may connect to, and nobody else does of ours.
func TestOnlyTheVaultConnectsToRedirectOrigins(t *testing.T) {
	const csp, listed = "Content-Security-Policy", "connect-src 'self' https://auth.example.com https://api.example.com;"
	with := table("https")
	with.RedirectOrigins = []string{"https://storage.example.net", "https://cdn.example.net:8443"}
	require.Equal(t,
		strings.Replace(value(t, VaultHeaders(table("https")), csp), listed,
			"connect-src 'self' https://auth.example.com https://api.example.com https://storage.example.net https://cdn.example.net:8443;", 1),
		value(t, VaultHeaders(with), csp))
	require.Equal(t, WorkerHeaders(table("https")), WorkerHeaders(with))
}

func TestStrictTransportSecurityOnlyForHTTPS(t *testing.T) {
	require.NotEmpty(t, value(t, VaultHeaders(table("https")), "Strict-Transport-Security"))
	require.Empty(t, value(t, VaultHeaders(table("http")), "Strict-Transport-Security"))
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
