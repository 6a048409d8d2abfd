package interceptor

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"tokenvault/internal/policy"
)

func table() *policy.Table {
	return &policy.Table{
		AppOrigin: "https://app.example.com", VaultOrigin: "https://vault.example.com",
		Clients: []policy.Client{{
			Name: "main", ID: "spa",
			Token:     policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"},
			Resources: []policy.Rule{{Origin: "https://api.example.com", Path: "/v1/*", Methods: []string{"GET"}}},
		}},
	}
}

func TestRoute(t *testing.T) {
	for _, tc := range []struct {
		name, method, url string
		want              Route
	}{
		{"a protected resource", "GET", "https://api.example.com/v1/items?page=2", Forward},
		{"a fragment is no part of it", "GET", "https://api.example.com/v1/items#top", Forward},
		{"a method that is denied gets the vault's error", "DELETE", "https://api.example.com/v1/items", Forward},
		{"a suspicious path gets the vault's error", "GET", "https://api.example.com/v1/%2e%2e/admin", Forward},
		{"the token endpoint", "POST", "https://auth.example.com/token", Forward},
		{"another path of the API", "GET", "https://api.example.com/public", Leave},
		{"another path of the authorization server", "GET", "https://auth.example.com/authorize?x=/token", Leave},
		{"an origin that only ends like ours", "GET", "https://api.example.com.evil.test/v1/items", Leave},
		{"credentials are no origin of ours", "GET", "https://api.example.com@evil.test/v1/items", Leave},
		{"credentials before our host", "GET", "https://user:pass@api.example.com/v1/items", Leave},
		{"another port", "GET", "https://api.example.com:8443/v1/items", Leave},
		{"another scheme", "GET", "http://api.example.com/v1/items", Leave},
		{"a protected URL in the query", "GET", "https://evil.test/?u=https://api.example.com/v1/items", Leave},
		{"a URL without authority", "GET", "data:text/plain,https://", Leave},
		{"a blob of ours", "GET", "blob:https://api.example.com/v1/3b9f", Leave},
		{"nothing", "GET", "", Leave},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.want.String(), New(table()).Route(tc.method, tc.url).String())
		})
	}
}

func TestRouteZeroValueForwards(t *testing.T) {
	var r Route
	assert.Equal(t, Forward, r)
}

func BenchmarkRoute(b *testing.B) {
	i := New(table())
	b.ReportAllocs()
	for b.Loop() {
		i.Route("GET", "https://api.example.com/v1/items?page=2")
	}
}
