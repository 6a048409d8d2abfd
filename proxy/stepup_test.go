package proxy

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestStepUp(t *testing.T) {
	t.Parallel()
	const stepUp = `error="insufficient_user_authentication"`
	tests := []struct {
		name     string
		url      string
		response Response
		want     string // the event, "" for none
	}{
		{"both", apiURL, Response{Status: 401, Headers: []string{"WWW-Authenticate", "Bearer " + stepUp + `, acr_values="urn:a b", max_age="0"`}}, "main stepup acrValues urn:a b maxAge 0"},
		{"a proof", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "DPoP " + stepUp + `, max_age=300`}}, "main stepup acrValues  maxAge 300"},
		{"neither", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp}}, "main stepup acrValues  maxAge "},
		{"no number", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp + `, max_age="-1"`}}, "main stepup acrValues  maxAge "},
		{"a number that is too long", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp + `, max_age="` + strings.Repeat("1", 19) + `"`}}, "main stepup acrValues  maxAge "},
		{"a line feed", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp + ", acr_values=\"a\nb\""}}, "main stepup acrValues  maxAge "},
		{"an echo of the token", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp + `, acr_values="` + accessToken(1) + `"`}}, "main stepup acrValues REDACTED maxAge "},
		{"of the UserInfo endpoint", userInfoURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp}}, "main stepup acrValues  maxAge "},
		{"of the same origin, after a redirect", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp}, Redirected: targetOf(apiURL + "/moved")}, "main stepup acrValues  maxAge "},
		{"of an origin that has not seen the token", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp}, Redirected: targetOf(storageOrigin + "/a")}, ""},
		{"of the end-session endpoint", endURL, Response{Status: 401, Headers: []string{"www-authenticate", "Bearer " + stepUp}}, ""},
		{"another status", apiURL, Response{Status: 403, Headers: []string{"www-authenticate", "Bearer " + stepUp}}, ""},
		{"another error", apiURL, Response{Status: 401, Headers: []string{"www-authenticate", `Bearer error="insufficient_scope", max_age="1"`}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin, frame := signedIn(t)
				there := origin.open()
				id, _ := frame.start(t.Context(), request{url: tt.url})
				answer := frame.Head(id, tt.response)
				require.Equal(t, Deliver, answer.Action, "the app gets the response as it is")
				require.Equal(t, tt.response.Status, answer.Status)
				want := []string{"main signedin"}
				if tt.want != "" {
					want = append(want, tt.want)
				}
				require.Equal(t, want, frame.heard())
				synctest.Wait()
				require.Empty(t, there.heard(), "it is this page's alone")
				require.Zero(t, origin.server.refreshes())
			})
		})
	}
}

// A renewal does not mend it, so a request that was retried tells of it like another.
func TestStepUpAfterARetry(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	frame.settle(t.Context(), id, frame.Head(id, Response{Status: 401, Headers: invalidToken}))
	require.Equal(t, Deliver, frame.Head(id, challengedWith("insufficient_user_authentication")).Action)
	require.Equal(t, []string{"main signedin", "main refreshed", "main stepup acrValues  maxAge "}, frame.heard())
}
