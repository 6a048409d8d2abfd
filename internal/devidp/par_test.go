package devidp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const vaultCallback = vaultOrigin + "/callback"

func vaultClient(o *Options) {
	o.Clients[0].RedirectURIs = append(o.Clients[0].RedirectURIs, vaultCallback)
}

// pushAt pushes a request and returns its name.
func (rg *rig) pushAt(t testing.TB, base string, form url.Values) string {
	t.Helper()
	a := rg.post(t, base+"/par", form, nil)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	out := a.json(t)
	require.EqualValues(t, 60, out["expires_in"])
	uri := out["request_uri"].(string)
	require.True(t, strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:"))
	return uri
}

func pushed(uri string) url.Values { return url.Values{"client_id": {"spa"}, "request_uri": {uri}} }

func TestPush(t *testing.T) {
	for _, prefix := range []string{"", pingAMOAuth, pingAMOAuth + "/realms/alpha"} {
		t.Run(prefix, func(t *testing.T) {
			rg := newRig(t, vaultClient)
			base := rg.auth + prefix
			uri := rg.pushAt(t, base, authorization("redirect_uri", vaultCallback))
			// What else the URL says does not count.
			q := with(pushed(uri), "redirect_uri", evilOrigin, "state", "other", "scope", "admin", "prompt", "none")
			page := rg.authorizeAt(t, base+"/authorize", q)
			require.Contains(t, page.header.Get("Content-Security-Policy"), "form-action 'self' "+vaultOrigin)
			a := rg.post(t, rg.auth+signInPath, form(t, page), nil)
			require.True(t, strings.HasPrefix(a.header.Get("Location"), vaultCallback+"?"), a.header.Get("Location"))
			require.Equal(t, "s t&a=t/e", a.location(t).Get("state"))
			require.Equal(t, base, a.location(t).Get("iss"))
			endpoint := base + is(prefix).layout().token
			reply := decodeTokens(t, rg.post(t, endpoint, exchange(a.location(t).Get("code"), "redirect_uri", vaultCallback), nil))
			require.Equal(t, "openid profile email offline_access", reply.Scope)
			require.Equal(t, 1, rg.Stats().Pushes)

			again := rg.authorizeAt(t, base+"/authorize", pushed(uri))
			require.Equal(t, http.StatusBadRequest, again.status, "a pushed request works once")
			require.Empty(t, again.header.Get("Location"))
		})
	}
}

func is(prefix string) issuer { return issuer{pingAM: prefix != ""} }

func TestPushRefuses(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		name   string
		pairs  []string
		header header
		want   string
	}{
		{name: "no client", pairs: []string{"client_id", "-"}, want: "invalid_client"},
		{name: "unknown client", pairs: []string{"client_id", "nobody"}, want: "invalid_client"},
		{name: "client secret", pairs: []string{"client_secret", "x"}, want: "invalid_client"},
		{name: "Basic authentication", header: header{"Authorization": "Basic eDp5"}, want: "invalid_client"},
		{name: "foreign redirect_uri", pairs: []string{"redirect_uri", evilOrigin}, want: "invalid_request"},
		{name: "a pushed request again", pairs: []string{"request_uri", requestURIPrefix + "x"}, want: "invalid_request"},
		{name: "request object", pairs: []string{"request", "x"}, want: "request_not_supported"},
		{name: "response_type token", pairs: []string{"response_type", "token"}, want: "unsupported_response_type"},
		{name: "no challenge", pairs: []string{"code_challenge", "-"}, want: "invalid_request"},
		{name: "plain", pairs: []string{"code_challenge_method", "plain"}, want: "invalid_request"},
		{name: "malformed scope", pairs: []string{"scope", `a "b"`}, want: "invalid_scope"},
		{name: "unknown resource", pairs: []string{"resource", evilOrigin}, want: "invalid_target"},
		{name: "unknown contexts", pairs: []string{"acr_values", "x y"}, want: "unmet_authentication_requirements"},
		{name: "a thumbprint that is none", pairs: []string{"dpop_jkt", "x"}, want: "invalid_request"},
		{name: "JSON", header: header{"Content-Type": "application/json"}, want: "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.post(t, rg.auth+"/par", authorization(tt.pairs...), tt.header)
			requireError(t, a, http.StatusBadRequest, tt.want)
			require.Empty(t, a.header.Get("Location"))
		})
	}
	require.Equal(t, http.StatusMethodNotAllowed, rg.get(t, rg.auth+"/par", nil).status)
	require.Zero(t, rg.Stats().Pushes)
}

func TestPushedRequestIsBound(t *testing.T) {
	tests := []struct {
		name  string
		path  string
		query func(uri string) url.Values
		wait  time.Duration
		kept  bool // the client itself can go on
	}{
		{name: "unknown", query: func(string) url.Values { return pushed(requestURIPrefix + "x") }, kept: true},
		{name: "of another client", query: func(uri string) url.Values { return with(pushed(uri), "client_id", "other") }, kept: true},
		{name: "of no client", query: func(uri string) url.Values { return with(pushed(uri), "client_id", "-") }, kept: true},
		{name: "of another issuer", path: pingAMOAuth, query: pushed, kept: true},
		{name: "too late", query: pushed, wait: time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			uri := rg.pushAt(t, rg.auth, authorization())
			rg.clock.advance(tt.wait)
			a := rg.authorizeAt(t, rg.auth+tt.path+"/authorize", tt.query(uri))
			require.Equal(t, http.StatusBadRequest, a.status)
			require.Empty(t, a.header.Get("Location"))
			if tt.kept {
				require.Equal(t, http.StatusOK, rg.authorizeAt(t, rg.auth+"/authorize", pushed(uri)).status)
			}
		})
	}
}

func TestRequirePAR(t *testing.T) {
	rg := newRig(t, func(o *Options) { o.Clients[0].RequirePAR = true })
	a := rg.authorizeAt(t, rg.auth+"/authorize", authorization())
	require.Equal(t, "invalid_request", a.location(t).Get("error"))
	require.Equal(t, "s t&a=t/e", a.location(t).Get("state"))
	require.Equal(t, http.StatusOK, rg.authorizeAt(t, rg.auth+"/authorize", pushed(rg.pushAt(t, rg.auth, authorization()))).status)
	require.Equal(t, http.StatusOK, rg.authorizeAt(t, rg.auth+"/authorize", authorization("client_id", "other")).status)
}

func TestPushWithAProofBindsTheCode(t *testing.T) {
	rg := newRig(t)
	key, other := rg.newProver(t), rg.newProver(t)
	push := func(p *prover, pairs ...string) answer {
		return rg.post(t, rg.auth+"/par", authorization(pairs...), p.proof(t, http.MethodPost, rg.auth+"/par", ""))
	}
	requireError(t, push(key, "dpop_jkt", other.public.thumbprint()), http.StatusBadRequest, "invalid_dpop_proof")
	require.Equal(t, http.StatusCreated, push(key, "dpop_jkt", key.public.thumbprint()).status)
	uri := push(key).json(t)["request_uri"].(string)
	page := rg.authorizeAt(t, rg.auth+"/authorize", pushed(uri))
	code := rg.post(t, rg.auth+signInPath, form(t, page), nil).location(t).Get("code")
	requireError(t, other.redeem(t, exchange(code)), http.StatusBadRequest, "invalid_grant")
}
