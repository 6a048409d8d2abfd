package devidp

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var navigate = header{"Sec-Fetch-Mode": "navigate"}

// signedIn asks the way a hidden frame would.
func (rg *rig) signedIn(t testing.TB) bool {
	t.Helper()
	a := rg.authorizeAt(t, rg.auth+"/authorize", authorization("prompt", "none"))
	return a.location(t).Get("code") != ""
}

func TestEndSession(t *testing.T) {
	const hint = "HINT" // stands for the id_token
	tests := []struct {
		name     string
		query    url.Values
		header   header
		status   int
		location string
		signedIn bool
	}{
		{
			name: "hint and redirect", query: url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {farewell}, "state": {"x y"}},
			header: navigate, status: 303, location: farewell + "?state=x+y",
		},
		{
			name: "hint and redirect without state", query: url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {farewell}, "client_id": {"spa"}},
			header: navigate, status: 303, location: farewell,
		},
		{name: "hint, by a person", query: url.Values{"id_token_hint": {hint}}, header: navigate, status: 200},
		{name: "hint, by a script", query: url.Values{"id_token_hint": {hint}}, header: header{"Sec-Fetch-Mode": "cors"}, status: 204},
		{name: "hint, by no browser", query: url.Values{"id_token_hint": {hint}}, status: 204},
		{name: "no hint, by a script of an admitted origin", header: header{"Sec-Fetch-Mode": "cors", "Origin": vaultOrigin}, status: 204},
		{name: "no hint, by a script of another origin", header: header{"Sec-Fetch-Mode": "cors", "Origin": evilOrigin}, status: 400, signedIn: true},
		{name: "no hint, by nobody known", status: 400, signedIn: true},
		{name: "no hint, by a person: asks first", header: navigate, status: 200, signedIn: true},
		{name: "foreign hint", query: url.Values{"id_token_hint": {"REDACTED"}}, status: 400, signedIn: true},
		{name: "foreign hint, by a person", query: url.Values{"id_token_hint": {"e30.e30.e30"}}, header: navigate, status: 400, signedIn: true},
		{name: "hint of another client", query: url.Values{"id_token_hint": {hint}, "client_id": {"other"}}, status: 400, signedIn: true},
		{
			name: "redirect that is longer", query: url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {farewell + "/"}},
			header: navigate, status: 400, signedIn: true,
		},
		{
			name: "redirect of another client", query: url.Values{"client_id": {"other"}, "post_logout_redirect_uri": {farewell}},
			header: navigate, status: 400, signedIn: true,
		},
		{
			name: "redirect that only sign-in may use", query: url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {callback}},
			header: navigate, status: 400, signedIn: true,
		},
		{
			name: "redirect for nobody", query: url.Values{"post_logout_redirect_uri": {farewell}},
			header: navigate, status: 400, signedIn: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			reply := rg.tokens(t)
			rg.clock.advance(idTokenTTL) // an expired hint is as good
			q := with(tt.query)
			if q.Get("id_token_hint") == hint {
				q.Set("id_token_hint", reply.IDToken)
			}
			a := rg.get(t, rg.auth+"/logout?"+q.Encode(), tt.header)
			require.Equal(t, tt.status, a.status, a.body)
			require.Equal(t, tt.location, a.header.Get("Location"))
			require.Equal(t, tt.signedIn, rg.signedIn(t))
		})
	}
}

func TestEndSessionByHintWithoutCookie(t *testing.T) {
	rg := newRig(t)
	reply := rg.tokens(t)
	signedInBrowser := rg.browser
	rg.browser = newBrowser(t)
	require.Equal(t, http.StatusNoContent, rg.get(t, rg.auth+"/logout?id_token_hint="+reply.IDToken, nil).status)
	rg.browser = signedInBrowser
	require.False(t, rg.signedIn(t))
	require.Equal(t, 1, rg.Stats().SignOuts)
}

func TestEndSessionRefusesAnAccessTokenAsHint(t *testing.T) {
	rg := newRig(t)
	reply := rg.tokens(t)
	require.Equal(t, http.StatusBadRequest, rg.get(t, rg.auth+"/logout?id_token_hint="+reply.AccessToken, nil).status)
}

func TestEndSessionRefusesTheHintOfAnotherIssuer(t *testing.T) {
	rg := newRig(t)
	reply := rg.tokens(t)
	a := rg.get(t, rg.auth+pingAMOAuth+"/connect/endSession?id_token_hint="+reply.IDToken, nil)
	require.Equal(t, http.StatusBadRequest, a.status)
}

func TestEndSessionOfNobody(t *testing.T) {
	rg := newRig(t)
	require.Equal(t, http.StatusNoContent, rg.get(t, rg.auth+"/logout", nil).status)
}

func TestEndSessionConfirmation(t *testing.T) {
	rg := newRig(t)
	rg.tokens(t)
	q := url.Values{"client_id": {"spa"}, "post_logout_redirect_uri": {farewell}, "state": {"z"}}
	page := rg.get(t, rg.auth+"/logout?"+q.Encode(), navigate)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "form-action 'self' "+appOrigin)
	f := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		f.Set(field[1], field[2])
	}
	guessed := rg.post(t, rg.auth+"/logout", with(f, "confirm", "x"), navigate)
	require.Equal(t, http.StatusOK, guessed.status)
	require.True(t, rg.signedIn(t), "a guessed confirmation asks again")
	a := rg.post(t, rg.auth+"/logout", f, navigate)
	require.Equal(t, farewell+"?state=z", a.header.Get("Location"))
	require.False(t, rg.signedIn(t))
}

func TestPingAMSessionsLogout(t *testing.T) {
	logout := pingAMJSON + "/sessions/?_action=logout"
	tests := []struct {
		name     string
		path     string
		header   header
		out      bool // sign out before
		status   int
		signedIn bool
	}{
		{name: "root", path: logout, header: header{"X-Requested-With": "forgerock-sdk"}, status: 200},
		{name: "realm, without a slash", path: pingAMJSON + "/realms/alpha/sessions?_action=logout", header: header{"Accept-API-Version": "protocol=1.0,resource=2.0"}, status: 200},
		{name: "without PingAM's headers", path: logout, status: 403, signedIn: true},
		{name: "another action", path: pingAMJSON + "/sessions/?_action=getSessionInfo", header: header{"X-Requested-With": "x"}, status: 501, signedIn: true},
		{name: "nobody signed in", path: logout, header: header{"X-Requested-With": "x"}, out: true, status: 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			reply := rg.tokens(t)
			if tt.out {
				rg.EndSessions()
			}
			a := rg.do(t, rg.browser, http.MethodPost, rg.auth+tt.path, strings.NewReader(""), tt.header)
			require.Equal(t, tt.status, a.status, a.body)
			require.Equal(t, tt.signedIn, rg.signedIn(t))
			require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status, "tokens stay")
		})
	}
}
