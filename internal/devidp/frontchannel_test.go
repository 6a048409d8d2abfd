package devidp

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	farewellFrame = vaultOrigin + "/front?client=spa"
	otherFrame    = "http://other.example.localhost:8085/front"
)

func frontChannel(o *Options) {
	o.Clients[0].FrontChannelLogoutURI, o.Clients[0].FrontChannelLogoutSessionRequired = farewellFrame, true
	o.Clients[1].FrontChannelLogoutURI = otherFrame
	o.Clients = append(o.Clients, Client{ID: "silent", RedirectURIs: []string{callback}})
}

var frameSource = regexp.MustCompile(`<iframe src="([^"]+)"`)

func framesOf(a answer) []string {
	var out []string
	for _, found := range frameSource.FindAllStringSubmatch(a.body, -1) {
		out = append(out, html.UnescapeString(found[1]))
	}
	return out
}

func TestFrontChannelLogout(t *testing.T) {
	rg := newRig(t, frontChannel)
	reply := rg.tokens(t)
	for range 2 {
		rg.signInAt(t, rg.auth+"/authorize", "client_id", "other")
		rg.signInAt(t, rg.auth+"/authorize", "client_id", "silent")
	}
	claims, _, err := rg.verifyID(t, reply.IDToken)
	require.NoError(t, err)
	stranger := *rg
	stranger.browser = newBrowser(t)
	stranger.signInAt(t, rg.auth+"/authorize", "client_id", "other")

	q := url.Values{"id_token_hint": {reply.IDToken}, "post_logout_redirect_uri": {farewell}, "state": {"a&b"}}
	a := rg.get(t, rg.auth+"/logout?"+q.Encode(), navigate)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, []string{
		farewellFrame + "&" + url.Values{"iss": {rg.auth}, "sid": {claims.Session}}.Encode(),
		otherFrame,
	}, framesOf(a))
	csp := a.header.Get("Content-Security-Policy")
	require.Contains(t, csp, "frame-src "+vaultOrigin+" http://other.example.localhost:8085;")
	require.Contains(t, csp, "frame-ancestors 'none'")
	require.Equal(t, "0; url="+farewell+"?state=a%26b", a.header.Get("Refresh"))
	require.Contains(t, a.body, `<a id="next" href="`+farewell+`?state=a%26b"`)
	require.False(t, rg.signedIn(t))
	require.True(t, stranger.signedIn(t), "another browser's session goes on")
	require.Equal(t, 1, rg.Stats().SignOuts)
}

func TestFrontChannelLogoutWithoutRedirect(t *testing.T) {
	rg := newRig(t, frontChannel)
	rg.signInAt(t, rg.auth+"/authorize", "client_id", "other")
	page := rg.get(t, rg.auth+"/logout", navigate)
	require.Empty(t, framesOf(page), "nothing has ended yet")
	confirm := regexp.MustCompile(`name="confirm" value="([^"]+)"`).FindStringSubmatch(page.body)
	require.NotNil(t, confirm)
	a := rg.post(t, rg.auth+"/logout", url.Values{"confirm": {confirm[1]}}, navigate)
	require.Equal(t, []string{otherFrame}, framesOf(a))
	require.Empty(t, a.header.Get("Refresh"))
	require.NotContains(t, a.body, `id="next"`)
}

func TestFrontChannelLogoutHasNobodyToTell(t *testing.T) {
	tests := []struct {
		name   string
		client string
		before func(*rig)
		header header
		status int
	}{
		{"the client has no URI", "silent", func(*rig) {}, navigate, http.StatusOK},
		{"the session has ended before", "other", func(rg *rig) { rg.EndSessions() }, navigate, http.StatusOK},
		{"a script asks", "other", func(*rig) {}, header{"Sec-Fetch-Mode": "cors"}, http.StatusNoContent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t, frontChannel)
			code := rg.signInAt(t, rg.auth+"/authorize", "client_id", tt.client)
			reply := decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(code, "client_id", tt.client), nil))
			tt.before(rg)
			a := rg.get(t, rg.auth+"/logout?id_token_hint="+reply.IDToken, tt.header)
			require.Equal(t, tt.status, a.status)
			require.Empty(t, framesOf(a))
			require.NotContains(t, a.header.Get("Content-Security-Policy"), "frame-src")
		})
	}
}

// Both the cookie's session and the one that the hint names end, and the clients of
// both are told; a step-up keeps the clients of before.
func TestFrontChannelLogoutReachesAllClients(t *testing.T) {
	rg := newRig(t, frontChannel)
	hint := rg.tokens(t).IDToken
	rg.browser = newBrowser(t)
	rg.signInAt(t, rg.auth+"/authorize", "client_id", "other")
	rg.stepUp(t)
	a := rg.get(t, rg.auth+"/logout?id_token_hint="+hint, navigate)
	frames := framesOf(a)
	require.Len(t, frames, 3)
	require.Equal(t, otherFrame, frames[0])
	require.NotEqual(t, frames[1], frames[2], "the same client in two sessions")
	require.Equal(t, 2, rg.Stats().SignOuts)
}
