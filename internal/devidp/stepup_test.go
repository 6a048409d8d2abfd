package devidp

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const both = ACRMultiFactor + " " + ACRPassword

// stepUp signs in with the second factor and returns the tokens.
func (rg *rig) stepUp(t *testing.T) tokenReply {
	t.Helper()
	page := rg.authorizeAt(t, rg.auth+"/authorize", authorization("acr_values", ACRMultiFactor))
	a := rg.post(t, rg.auth+signInPath, with(form(t, page), "factor", SecondFactor), nil)
	return decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(a.location(t).Get("code")), nil))
}

func TestSecondFactor(t *testing.T) {
	rg := newRig(t)
	require.NotContains(t, rg.authorizeAt(t, rg.auth+"/authorize", authorization()).body, `name="factor"`)
	page := rg.authorizeAt(t, rg.auth+"/authorize", authorization("acr_values", both))
	require.Contains(t, page.body, `<label for="factor">`)
	require.Contains(t, page.body, SecondFactor)
	for _, factor := range []string{"-", "", "123456"} {
		a := rg.post(t, rg.auth+signInPath, with(form(t, page), "factor", factor), nil)
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Contains(t, a.body, "The one-time code is wrong.")
		require.Contains(t, a.body, `name="factor"`)
	}
	require.Equal(t, 3, rg.Stats().SignInFailures)

	reply := rg.stepUp(t)
	var access accessClaims
	require.NoError(t, rg.keys.parse(reply.AccessToken, typeAccess, &access, jwt.WithTimeFunc(rg.clock.Now)))
	require.Equal(t, ACRMultiFactor, access.ACR)
	require.Equal(t, []string{"pwd", "otp", "mfa"}, access.AMR)
	id, _, err := rg.verifyID(t, reply.IDToken)
	require.NoError(t, err)
	require.Equal(t, ACRMultiFactor, id.ACR)
	require.Equal(t, access.AMR, id.AMR)
}

func TestContextAskedFor(t *testing.T) {
	tests := []struct {
		name      string
		stepped   bool // the session has the second factor
		pairs     []string
		wantForm  bool
		wantError string
	}{
		{name: "none", pairs: nil},
		{name: "the password", pairs: []string{"acr_values", ACRPassword}},
		{name: "the password first", pairs: []string{"acr_values", ACRPassword + " " + ACRMultiFactor}},
		{name: "the second factor", pairs: []string{"acr_values", ACRMultiFactor}, wantForm: true},
		{name: "the second factor first", pairs: []string{"acr_values", both}, wantForm: true},
		{name: "something unknown before it", pairs: []string{"acr_values", "x " + ACRMultiFactor}, wantForm: true},
		{name: "nothing known", pairs: []string{"acr_values", "x y"}, wantError: "unmet_authentication_requirements"},
		{name: "without a form", pairs: []string{"acr_values", ACRMultiFactor, "prompt", "none"}, wantError: "login_required"},
		{name: "what is there", stepped: true, pairs: []string{"acr_values", ACRMultiFactor}},
		{name: "less than there is", stepped: true, pairs: []string{"acr_values", ACRPassword}},
		{name: "now", stepped: true, pairs: []string{"max_age", "0"}, wantForm: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			if tt.stepped {
				rg.stepUp(t)
			} else {
				rg.tokens(t)
			}
			a := rg.authorizeAt(t, rg.auth+"/authorize", authorization(tt.pairs...))
			if tt.wantForm {
				require.Equal(t, http.StatusOK, a.status, a.header.Get("Location"))
				return
			}
			require.Equal(t, tt.wantError, a.location(t).Get("error"))
			require.Equal(t, tt.wantError == "", a.location(t).Has("code"))
		})
	}
}

func TestAPIStepUp(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	weak, bound := rg.tokens(t).AccessToken, key.tokens(t).AccessToken
	strong := rg.stepUp(t).AccessToken
	rg.clock.advance(time.Minute)
	bearer := func(token string) func(*testing.T, string) answer {
		return func(t *testing.T, path string) answer { return rg.call(t, path, token) }
	}
	const refusal = `error="insufficient_user_authentication", error_description="the sign-in is too weak or too long ago"`
	tests := []struct {
		name  string
		call  func(*testing.T, string) answer
		query url.Values
		want  string // the challenge
	}{
		{"nothing wanted", bearer(weak), nil, ""},
		{"a password", bearer(weak), url.Values{"acr": {ACRPassword}}, ""},
		{"a password, of more", bearer(strong), url.Values{"acr": {ACRPassword}}, ""},
		{"more", bearer(weak), url.Values{"acr": {ACRMultiFactor}}, apiRealm + ", " + refusal + `, acr_values="` + ACRMultiFactor + `"`},
		{"more, there", bearer(strong), url.Values{"acr": {ACRMultiFactor}}, ""},
		{"either", bearer(weak), url.Values{"acr": {both}}, ""},
		{"something unknown", bearer(strong), url.Values{"acr": {"x"}}, apiRealm + ", " + refusal + `, acr_values="x"`},
		{"recent", bearer(weak), url.Values{"max_age": {"60"}}, ""},
		{"more recent", bearer(weak), url.Values{"max_age": {"59"}}, apiRealm + ", " + refusal + `, max_age="59"`},
		{"now", bearer(strong), url.Values{"max_age": {"0"}}, apiRealm + ", " + refusal + `, max_age="0"`},
		{
			"both", bearer(weak),
			url.Values{"acr": {ACRMultiFactor}, "max_age": {"5"}},
			apiRealm + ", " + refusal + `, acr_values="` + ACRMultiFactor + `", max_age="5"`,
		},
		{
			"more, of a bound token", func(t *testing.T, path string) answer { return key.call(t, path, bound) },
			url.Values{"acr": {ACRMultiFactor}},
			apiRealmDPoP + ", " + refusal + `, acr_values="` + ACRMultiFactor + `"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.call(t, "/v1/stepup?"+tt.query.Encode())
			if tt.want == "" {
				require.Equal(t, http.StatusOK, a.status, a.body)
				require.Contains(t, a.json(t), "auth_time")
				return
			}
			requireError(t, a, http.StatusUnauthorized, "insufficient_user_authentication")
			require.Equal(t, tt.want, a.header.Get("WWW-Authenticate"))
		})
	}
	for _, query := range []string{"max_age=soon", "max_age=-1", "acr=%22", "acr=a%0D%0Ab"} {
		requireError(t, rg.call(t, "/v1/stepup?"+query, weak), http.StatusBadRequest, "invalid_request")
	}
}

// Who steps up goes on with the session; who takes somebody's place does not.
func TestStepUpKeepsTheSession(t *testing.T) {
	sid := func(rg *rig, t *testing.T, reply tokenReply) string {
		c, _, err := rg.verifyID(t, reply.IDToken)
		require.NoError(t, err)
		return c.Session
	}
	rg := newRig(t)
	first := rg.tokens(t)
	rg.clock.advance(time.Minute)
	second := rg.stepUp(t)
	require.Equal(t, sid(rg, t, first), sid(rg, t, second))
	c, _, err := rg.verifyID(t, second.IDToken)
	require.NoError(t, err)
	require.True(t, c.AuthTime.Equal(rg.clock.Now()))

	page := rg.authorizeAt(t, rg.auth+"/authorize", authorization("prompt", "select_account", "login_hint", "hatter"))
	require.Contains(t, page.body, `name="username" type="text" value="hatter"`)
	hatter := SecondAccount()
	a := rg.post(t, rg.auth+signInPath, with(form(t, page), "username", hatter.Username, "password", hatter.Password), nil)
	third := decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(a.location(t).Get("code")), nil))
	c, _, err = rg.verifyID(t, third.IDToken)
	require.NoError(t, err)
	require.Equal(t, "user-hatter", c.Subject)
	require.NotEqual(t, sid(rg, t, first), c.Session)
}
