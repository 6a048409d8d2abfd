package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// Resources with an audience of their own, by their paths at the API.
var indicated = map[string]string{"/orders/": "https://orders.example/", "/billing/": "https://billing.example/"}

func withIndicators(o *demo.Options) {
	o.Configure = func(c *demo.Configuration) {
		client := &c.Clients[len(c.Clients)-1]
		api := client.Resources[0].URL[:len(client.Resources[0].URL)-len("/v3/*")]
		client.Resources = nil
		for _, path := range []string{"/orders/", "/billing/"} {
			client.Resources = append(client.Resources, demo.Resource{URL: api + path + "*", Resource: indicated[path]})
		}
	}
	o.AuthServer = func(server *devidp.Options) {
		for path, uri := range indicated {
			server.Resources = append(server.Resources, devidp.Resource{Path: path, URI: uri})
		}
	}
}

func TestEachResourceGetsATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t, withIndicators)
	p := s.signInAtVault()
	assert.ElementsMatch(t, []string{"https://orders.example/", "https://billing.example/"}, s.authorizations()[0]["resource"])
	assert.Equal(t, 1, s.count(devidp.AccessToken), "one comes with the sign-in")

	other := s.open(homePage)
	eval[any](other, `await tokenvault.ready`)
	const many = 5
	for _, batch := range inParallel[[]reply](t, []*tab{p, other}, `
		const ask = (path) => fetch(`+js(s.APIURL)+` + path + "whoami")
			.then(async (response) => ({ ...await response.json(), status: response.status }));
		return Promise.all(Array.from({ length: `+js(2*many)+` }, (_, i) => ask(i % 2 ? "/orders/" : "/billing/")))`) {
		require.Len(t, batch, 2*many)
		for _, got := range batch {
			assert.Equal(t, 200, got.Status, "%+v", got)
		}
	}
	assert.Equal(t, 2, s.count(devidp.AccessToken), "one for the other resource, for all tabs and requests")
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	assert.Zero(t, s.IDP.Stats().ReuseDetected)
	audience := map[string]string{}
	for _, token := range s.IDP.Issued() {
		if token.Kind == devidp.AccessToken {
			audience[token.Value] = token.Resource
		}
	}
	seen := 0
	for _, call := range s.calls() {
		for path, uri := range indicated {
			if call.Path == path+"whoami" {
				seen++
				assert.Equal(t, uri, audience[call.Authorization[len("Bearer "):]], path)
			}
		}
	}
	assert.Equal(t, 4*many, seen)

	eval[any](p, `await tokenvault.logout("vaulted")`)
	assert.Empty(t, s.live(), "the tokens of all resources are revoked")
	s.canary(p)
}
