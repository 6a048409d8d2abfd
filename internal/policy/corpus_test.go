package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/policy"
)

// hostileURL is a row of testdata/hostile_urls.json: a URL as an attacker writes
// it; origin, path and query as new URL(url, "https://app.example.com/page")
// gives them in the browser ("" where the scheme is not http or https, as Judge
// demands of its callers); and the verdict for testdata/hostile_config.json.
// The native tests take the parsed parts from the file. The e2e tests parse with
// the browser's own new URL, and fail if it disagrees with the file.
type hostileURL struct {
	URL    string `json:"url"`
	Note   string `json:"note"`
	Method string `json:"method"` // "" is GET
	Origin string `json:"origin"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	Want   string `json:"want"`   // a Kind, or "invalid": new URL throws
	Reason string `json:"reason"` // for "deny"
}

func hostileURLs(t testing.TB) []hostileURL {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "hostile_urls.json"))
	require.NoError(t, err)
	var rows []hostileURL
	require.NoError(t, json.Unmarshal(data, &rows))
	require.NotEmpty(t, rows)
	return rows
}

// TestHostileConfigIsHostileTable: the corpus is judged here by hostileTable, and
// by whoever runs it in a browser, by what testdata/hostile_config.json compiles
// to. They are one table.
func TestHostileConfigIsHostileTable(t *testing.T) {
	t.Parallel()
	c, err := config.Load(filepath.Join("testdata", "hostile_config.json"))
	require.NoError(t, err)
	assert.Equal(t, hostileTable(), c.Table())
}

// hostileTable is the table of testdata/hostile_config.json, written out.
func hostileTable() *policy.Table {
	const auth, realm = "https://auth.example.com", "/am/oauth2/realms/root"
	return &policy.Table{
		AppOrigin:   "https://app.example.com",
		VaultOrigin: "https://vault.example.com",
		TimeoutMS:   30_000,

		RedirectOrigins: []string{"https://storage.example.net"},
		Clients: []policy.Client{{
			Name:            "main",
			ID:              "spa",
			Scope:           "openid profile offline_access",
			Issuer:          auth + realm,
			Token:           policy.Endpoint{Origin: auth, Path: realm + "/access_token"},
			Revocation:      policy.Endpoint{Origin: auth, Path: realm + "/token/revoke"},
			UserInfo:        policy.Endpoint{Origin: auth, Path: realm + "/userinfo"},
			EndSession:      policy.Endpoint{Origin: auth, Path: realm + "/connect/endSession"},
			Redact:          []string{"access_token", "refresh_token"},
			RefreshBeforeMS: 30_000,
			Resources: []policy.Rule{
				{Origin: "https://api.example.com", Path: "/v1/*", Methods: []string{"GET", "POST"}},
				{Origin: "https://api.example.com", Path: "/exact", Methods: []string{"GET"}},
				{Origin: "https://files.example.com:8443", Path: "/*", Methods: allMethods()},
			},
		}, {
			Name:            "partner",
			ID:              "spa-at-partner",
			Token:           policy.Endpoint{Origin: "https://login.partner.example", Path: "/oauth/token", Query: "tenant=a"},
			Revocation:      policy.Endpoint{Origin: "https://login.partner.example", Path: "/oauth/revoke"},
			Redact:          []string{"access_token", "refresh_token"},
			RefreshBeforeMS: 30_000,
			Resources: []policy.Rule{
				{Origin: "https://login.partner.example", Path: "/oauth/*", Methods: allMethods()},
				{Origin: "https://api.partner.example", Path: "/data/*", Methods: []string{"GET", "DELETE"}},
			},
		}, {
			Name:            "own",
			ID:              "spa-by-vault",
			Scope:           "openid",
			Issuer:          "https://login.own.example",
			Token:           policy.Endpoint{Origin: "https://login.own.example", Path: "/oauth/token"},
			Revocation:      policy.Endpoint{Origin: "https://login.own.example", Path: "/oauth/revoke"},
			Redact:          []string{"access_token", "refresh_token", "id_token"},
			RefreshBeforeMS: 30_000,
			DPoP:            true,
			Resources: []policy.Rule{
				{Origin: "https://login.own.example", Path: "/oauth/*", Methods: []string{"GET", "POST"}, Indicator: "urn:own:login"},
				{Origin: "https://api.own.example", Path: "/*", Methods: allMethods(), Indicator: "https://api.own.example/"},
			},
			SignIn: policy.SignIn{
				Authorization: policy.Endpoint{Origin: "https://login.own.example", Path: "/oauth/authorize"},
				Pushed:        policy.Endpoint{Origin: "https://login.own.example", Path: "/oauth/par"},
				Keys:          policy.Endpoint{Origin: "https://keys.own.example", Path: "/jwks"},
				RequireIssuer: true,
				ReturnTo:      []string{"/spa/*", "/welcome"},
				Claims:        []string{"sub", "name"},
				Parameters:    []string{"ui_locales"},
			},
		}},
	}
}

func allMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
}
