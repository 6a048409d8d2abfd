package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// TestURLsThatContainAnEndpointAreNoEndpoint calls API URLs that have the name of an
// endpoint in them. They are resources, or nothing, like any other URL: the body
// arrives as it was sent, and no token is put into it. The control is the endpoint.
func TestURLsThatContainAnEndpointAreNoEndpoint(t *testing.T) {
	t.Parallel()
	evil := newWitness(t)
	s := newHostileSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: evil.at(carelessHost) + "/api/*"})
		}
	})
	p := s.signInHostile()
	body := "token=REDACTED&token_type_hint=refresh_token&client_id=demo-app&grant_type=refresh_token&refresh_token=REDACTED"
	names := []string{"token", "token/revoke", "access_token", "connect/endSession", "userinfo", "logout", "revoke", "oauth2/realms/root/access_token"}
	for _, name := range names {
		for _, at := range []string{
			s.APIURL + "/public/" + name,
			s.APIURL + "/public/echo?u=" + s.AuthURL + "/" + name,
			evil.at(carelessHost) + "/api/" + name,
			evil.at(carelessHost) + "/" + name,
			evil.at(evilHost) + "/" + name,
			evil.at(evilHost) + "/am/oauth2/realms/root/" + name,
			s.AuthURL + "/x/" + name,
		} {
			eval[any](p, `
				await fetch(`+js(at)+`, { method: 'POST', body: new URLSearchParams(`+js(body)+`) }).catch(() => {});
				await fetch(`+js(at)+`).catch(() => {});`)
		}
	}
	tokens := 0
	for _, r := range evil.requests() {
		authorization := r.Header.Get("Authorization")
		if strings.HasPrefix(r.Host, carelessHost) && strings.HasPrefix(r.URI, "/api/") {
			assert.NotEmpty(t, s.found(authorization), "control: %s%s is a resource", r.Host, r.URI)
			tokens++
		} else {
			assert.Empty(t, authorization, "%s%s", r.Host, r.URI)
		}
		r.Header.Del("Authorization")
		assert.Empty(t, s.found(r.String()), "%s%s", r.Host, r.URI)
		assert.NotContains(t, r.URI, "id_token_hint")
		if r.Method == "POST" {
			assert.Equal(t, body, r.Body, "the body arrives as it was sent")
		}
	}
	assert.Equal(t, 2*len(names), tokens)
	s.tokensWentOnlyTo()
	assert.Zero(t, s.IDP.Stats().RevokedRefresh, "nothing was revoked on the way")
	assert.Zero(t, s.IDP.Stats().Refreshes, "nothing was renewed on the way")
	status := eval[int](p, `return (await fetch(`+js(s.AuthURL+"/token")+`, { method: 'POST', body: new URLSearchParams(`+js(body)+`) })).status`)
	assert.Equal(t, 200, status)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes, "control: the endpoint itself renews")
}

// TestTokenEndpointTakesTwoRequestsOnly changes one thing in a token request that is
// answered with tokens, REDACTED: the control. The server does not see the others.
func TestTokenEndpointTakesTwoRequestsOnly(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	const (
		form     = `'application/x-www-form-urlencoded'`
		refresh  = `'grant_type=refresh_token&client_id=demo-app&refresh_token=REDACTED'`
		exchange = `'grant_type=authorization_code&client_id=demo-app&code=x&code_verifier=y&redirect_uri=z'`
	)
	token := s.AuthURL + "/token"
	for _, row := range []struct {
		name, method, url, contentType, body, code string
	}{
		{"control: a renewal", "POST", token, form, refresh, ""},
		{"control: a renewal with a parameter more", "POST", token, form, refresh + ` + '&scope=openid'`, ""},

		{"by GET", "GET", token, form, `undefined`, "method_not_allowed"},
		{"by PUT", "PUT", token, form, refresh, "method_not_allowed"},
		{"by DELETE", "DELETE", token, form, refresh, "method_not_allowed"},
		{"with a query", "POST", token + "?x=1", form, refresh, "url_refused"},
		{"with parameters in the query", "POST", token + "?grant_type=refresh_token", form, refresh, "url_refused"},
		{"with an empty segment", "POST", s.AuthURL + "//token", form, refresh, "url_refused"},
		{"with an encoded slash", "POST", s.AuthURL + "/%2ftoken", form, refresh, "url_refused"},
		{"with a path parameter", "POST", token + ";x=1", form, refresh, "url_refused"},

		{"as JSON", "POST", token, `'application/json'`, `'{"grant_type":"refresh_token","client_id":"demo-app"}'`, "invalid_request"},
		{"as text", "POST", token, `'text/plain'`, refresh, "invalid_request"},
		{"as multipart", "POST", token, `'multipart/form-data; boundary=x'`, refresh, "invalid_request"},
		{"without a body", "POST", token, form, `''`, "invalid_request"},
		{"with a broken escape", "POST", token, form, refresh + ` + '&x=%zz'`, "invalid_request"},
		{"of 65 KB", "POST", token, form, refresh + ` + '&x=' + 'a'.repeat(65 << 10)`, "invalid_request"},
		{"of 20 MB", "POST", token, form, refresh + ` + '&x=' + 'a'.repeat(20 << 20)`, "invalid_request"},

		{"with a foreign client", "POST", token, form, refresh + `.replace('demo-app', 'mallory')`, "invalid_request"},
		{"with the client of another endpoint", "POST", token, form, refresh + `.replace('demo-app', 'demo-ping')`, "invalid_request"},
		{"without a client", "POST", token, form, `'grant_type=refresh_token&refresh_token=REDACTED'`, "invalid_request"},
		{"with two clients", "POST", token, form, refresh + ` + '&client_id=mallory'`, "invalid_request"},
		{"with the client twice", "POST", token, form, refresh + ` + '&client_id=demo-app'`, "invalid_request"},
		{"with the client twice, once escaped", "POST", token, form, refresh + ` + '&client%5Fid=mallory'`, "invalid_request"},
		{"with two grant types", "POST", token, form, refresh + ` + '&grant_type=client_credentials'`, "invalid_request"},
		{"with two codes", "POST", token, form, exchange + ` + '&code=y'`, "invalid_request"},

		{"with a refresh token of the app's", "POST", token, form, refresh + `.replace('REDACTED', 'mine')`, "invalid_request"},
		{"with two refresh tokens", "POST", token, form, refresh + ` + '&refresh_token=mine'`, "invalid_request"},
		{"of no grant type", "POST", token, form, `'client_id=demo-app'`, "invalid_request"},
		{"of the grant type password", "POST", token, form, `'grant_type=password&client_id=demo-app&username=alice&password=wonderland'`, "invalid_request"},
		{"of the grant type client_credentials", "POST", token, form, `'grant_type=client_credentials&client_id=demo-app'`, "invalid_request"},
		{"of the grant type token-exchange", "POST", token, form, `'grant_type=urn:ietf:params:oauth:grant-type:token-exchange&client_id=demo-app&subject_token=REDACTED'`, "invalid_request"},
		{"of the grant type device_code", "POST", token, form, `'grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=demo-app&device_code=x'`, "invalid_request"},
		{"of a grant type in capitals", "POST", token, form, refresh + `.replace('refresh_token', 'REFRESH_TOKEN')`, "invalid_request"},

		{"a revocation of the app's own token", "POST", s.AuthURL + "/revoke", form, `'token=mine&client_id=demo-app'`, "invalid_request"},
		{"a revocation for a foreign client", "POST", s.AuthURL + "/revoke", form, `'token=REDACTED&client_id=mallory'`, "invalid_request"},
		{"a revocation by GET", "GET", s.AuthURL + "/revoke", form, `undefined`, "method_not_allowed"},
		{"a revocation with a query", "POST", s.AuthURL + "/revoke?callback=x", form, `'token=REDACTED&client_id=demo-app'`, "url_refused"},
	} {
		for _, way := range []struct{ name, script string }{
			{"by fetch", `return readOut(await fetch(url, { method, body, headers: { 'content-type': type } }))`},
			{"by message", `return (await new Line().ready).ask({ url, method, headers: 'content-type\n' + type + '\n' }, body)`},
		} {
			s.IDP.ClearRequests()
			got := eval[outcome](p, `
				const url = `+js(row.url)+`, method = `+js(row.method)+`, type = `+row.contentType+`, body = `+row.body+`;
				`+way.script)
			name := row.name + ", " + way.name
			s.noToken(got.Body+got.Headers, name)
			seen := 0
			for _, r := range s.IDP.Requests() {
				if r.Server == devidp.AuthServer && r.Method != "OPTIONS" {
					seen++
				}
			}
			assert.Equal(t, row.code, got.code(), "%s: %s", name, got.Body)
			if row.code == "" {
				assert.Contains(t, got.Body, `"refresh_token":"REDACTED"`, name)
				assert.Equal(t, 1, seen, "control: the server saw it: %s", name)
			} else {
				assert.Zero(t, seen, "%s: the server must not see it", name)
			}
		}
	}
	assert.True(t, eval[bool](p, `return tokenvault.has('main')`))
	require.Zero(t, s.IDP.Stats().ReuseDetected)
}
