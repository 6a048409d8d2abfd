package devidp

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	resourceOne   = "https://api.example.com/one"
	resourceThree = "https://api.example.com/three"
)

func twoResources(o *Options) {
	o.Resources = []Resource{{"/v1/", resourceOne}, {"/v3/", resourceThree}}
}

// codeFor signs in for some resources.
func (rg *rig) codeFor(t *testing.T, resources ...string) string {
	t.Helper()
	q := authorization()
	q["resource"] = resources
	a := rg.authorizeAt(t, rg.auth+"/authorize", q)
	if a.status == http.StatusOK {
		a = rg.post(t, rg.auth+signInPath, form(t, a), nil)
	}
	code := a.location(t).Get("code")
	require.NotEmpty(t, code, a.header.Get("Location"))
	return code
}

func TestATokenIsForOneResource(t *testing.T) {
	rg := newRig(t, twoResources)
	first := decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(rg.codeFor(t, resourceOne, resourceThree), "resource", resourceOne), nil))
	third := decodeTokens(t, rg.post(t, rg.auth+"/token", refreshForm(first.RefreshToken, "resource", resourceThree), nil))
	def := rg.tokens(t)
	tests := []struct {
		name, token, path string
		status            int
	}{
		{"one at one", first.AccessToken, "/v1/json", 200},
		{"one at three", first.AccessToken, "/v3/json", 401},
		{"three at one", third.AccessToken, "/v1/json", 401},
		{"three at three", third.AccessToken, "/v3/json", 200},
		{"the API's own at one", def.AccessToken, "/v1/json", 401},
		{"the API's own at three", def.AccessToken, "/v3/json", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.call(t, tt.path, tt.token)
			require.Equal(t, tt.status, a.status, a.body)
			if tt.status == http.StatusUnauthorized {
				requireError(t, a, tt.status, "invalid_token")
			}
		})
	}
	var claims accessClaims
	require.NoError(t, rg.keys.parse(third.AccessToken, typeAccess, &claims, jwt.WithTimeFunc(rg.clock.Now)))
	require.Equal(t, jwt.ClaimStrings{resourceThree}, claims.Audience)
	info := header{"Authorization": "Bearer " + third.AccessToken}
	require.Equal(t, http.StatusUnauthorized, rg.get(t, rg.auth+"/userinfo", info).status, "UserInfo is no such resource")
	resources := map[string]bool{}
	for _, token := range rg.Issued() {
		resources[token.Resource] = true
	}
	require.Equal(t, map[string]bool{"": true, resourceOne: true, resourceThree: true, rg.api: true}, resources)
}

func TestResourceBesideTheAPI(t *testing.T) {
	rg := newRig(t, func(o *Options) { o.Resources = []Resource{{"/v3/", resourceThree}} })
	reply := rg.tokens(t, "resource", resourceThree)
	require.Equal(t, http.StatusOK, rg.call(t, "/v3/whoami", reply.AccessToken).status, "the only one granted need not be named")
	require.Equal(t, http.StatusUnauthorized, rg.call(t, "/v1/json", reply.AccessToken).status)
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", rg.tokens(t).AccessToken).status)
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", rg.tokens(t, "resource", rg.api).AccessToken).status)
}

func TestTargetRefused(t *testing.T) {
	tests := []struct {
		name    string
		granted []string
		asked   []string
		want    string
	}{
		{"not granted", []string{resourceOne}, []string{resourceThree}, "invalid_target"},
		{"unknown", []string{resourceOne}, []string{evilOrigin}, "invalid_target"},
		{"two at once", []string{resourceOne, resourceThree}, []string{resourceOne, resourceThree}, "invalid_target"},
		{"none of two", []string{resourceOne, resourceThree}, nil, "invalid_target"},
		{"one, though none was asked for", nil, []string{resourceOne}, "invalid_target"},
		{"the same", []string{resourceOne}, []string{resourceOne}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t, twoResources)
			f := exchange(rg.codeFor(t, tt.granted...))
			f["resource"] = tt.asked
			a := rg.post(t, rg.auth+"/token", f, nil)
			if tt.want == "" {
				require.Equal(t, http.StatusOK, a.status, a.body)
				return
			}
			requireError(t, a, http.StatusBadRequest, tt.want)
		})
	}
}

func TestRefreshTargetRefused(t *testing.T) {
	rg := newRig(t, twoResources)
	reply := decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(rg.codeFor(t, resourceOne)), nil))
	refused := rg.post(t, rg.auth+"/token", refreshForm(reply.RefreshToken, "resource", resourceThree), nil)
	requireError(t, refused, http.StatusBadRequest, "invalid_target")
	require.Equal(t, http.StatusOK, rg.refresh(t, reply.RefreshToken).status, "it was not used up")
}

func TestUnknownResourceIsRefused(t *testing.T) {
	rg := newRig(t, twoResources)
	for _, resources := range [][]string{{evilOrigin}, {resourceOne, evilOrigin}, {resourceOne + "/"}, {""}} {
		q := authorization()
		q["resource"] = resources
		require.Equal(t, "invalid_target", rg.authorizeAt(t, rg.auth+"/authorize", q).location(t).Get("error"))
	}
	twice := url.Values{"scope": {"a", "b"}}
	require.ErrorIs(t, checkSingle(twice), errRepeated, "nothing else may be repeated")
}
