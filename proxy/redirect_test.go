package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// The browser follows a redirect to another origin without the token; the vault
// asks once more, with the token of the resource that it led to.
func TestRedirectToAnotherListedOriginGetsItsToken(t *testing.T) {
	t.Parallel()
	const filesURL = "https://files.example.com/v2/a?b=c"
	tests := []struct {
		name   string
		method string
		target Target
		status int
		want   Action
	}{
		{"to a listed origin", "GET", targetOf(filesURL), 401, Send},
		{"that asks for no token", "GET", targetOf(filesURL), 200, Send},
		{"of the same origin", "GET", targetOf("https://api.example.com/v2/items"), 200, Deliver},
		{"to an origin that is not listed", "GET", targetOf("https://elsewhere.example.com/v2/a"), 401, Deliver},
		{"to an origin that only redirects lead to", "GET", targetOf(storageOrigin + "/v2/a"), 401, Deliver},
		{"to a path that is not listed", "GET", targetOf("https://files.example.com/v3/a"), 401, Deliver},
		{"of a request that does something", "POST", targetOf(filesURL), 401, Deliver},
		{"to a suspicious path", "GET", targetOf("https://files.example.com/v2/..%2fa"), 401, Deliver},
		{"with a user", "GET", Target{"https://u@files.example.com/v2/a", "https://files.example.com", "/v2/a", ""}, 401, Deliver},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.table.Clients[0].Resources[0].Methods = []string{"GET", "HEAD", "POST"}
			frame := origin.open()
			frame.signIn(t)
			frame.signInAs(t, "spa2")
			id, answer := frame.start(t.Context(), request{method: tt.method, url: apiURL, headers: "x-a\n1\n"})
			require.Equal(t, accessToken(1), bearer(answer))
			answer = frame.settle(t.Context(), id, frame.Head(id, Response{Status: tt.status, Redirected: tt.target}))
			require.Equal(t, tt.want, answer.Action)
			if tt.want == Deliver {
				require.Equal(t, tt.target.Href, answer.URL)
				return
			}
			require.Equal(t, filesURL, answer.URL)
			require.Equal(t, accessToken(2), bearer(answer))
			require.Equal(t, "1", header(answer.Headers, "x-a"))

			answer = frame.Head(id, Response{Status: 200})
			require.Equal(t, Deliver, answer.Action)
			require.Equal(t, filesURL, answer.URL, "the app sees where it was led")
		})
	}
}

// A response that a redirect led to is scrubbed like any other.
func TestRedirectedResponseIsScrubbed(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	answer := frame.Head(id, Response{
		Status: 200, StatusText: accessToken(1), Headers: append([]string{"x-echo", accessToken(1)}, textBody...),
		Redirected: targetOf(storageOrigin + "/a?t=" + accessToken(1)),
	})
	require.Equal(t, Deliver, answer.Action)
	require.NotContains(t, answer.StatusText+answer.URL+header(answer.Headers, "x-echo"), accessToken(1))
	require.True(t, answer.Scrub)
	require.NotContains(t, string(frame.Chunk(id, []byte("token: "+accessToken(1)), true)), accessToken(1))
}

// The browser takes no token to another origin, so what that says of one is not
// about the vault's.
func TestOnlyWhoSawTheTokenCanCallItInvalid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		method string
		target Target
		want   Action
	}{
		{"no redirect", "GET", Target{}, Await},
		{"a redirect of the API to itself", "GET", targetOf("https://api.example.com/v1/moved"), Await},
		{"a redirect to an origin that only redirects lead to", "GET", targetOf(storageOrigin + "/a"), Deliver},
		{"a redirect to a listed path, not asked again", "POST", targetOf("https://files.example.com/v2/a"), Deliver},
		{"a redirect to a path that is not listed", "GET", targetOf("https://auth.example.com/me"), Deliver},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, frame := signedIn(t)
			id, _ := frame.start(t.Context(), request{method: tt.method, url: apiURL})
			answer := frame.Head(id, Response{Status: 401, Headers: invalidToken, Redirected: tt.target})
			require.Equal(t, tt.want, answer.Action)
		})
	}
}

// Where API and authorization server share an origin, a resource may cover the
// endpoints of a sign-in by the vault. A script would have codes there by requests of
// its own making, for verifiers that it has; so the vault fetches none of them, and
// what a redirect there brought is not for the app.
func TestEndpointsOfASignInAreNoResources(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path       string
		asked, led Action // when the app asks there, and when an API redirects there
	}{
		{"/authorize", Bypass, Fail},
		{"/authorize?response_type=code&response_mode=form_post&prompt=none", Bypass, Fail},
		{"/Authorize?response_type=code", Reply, Fail},
		{"/authorize/?response_type=code", Reply, Fail},
		{"//authorize?response_type=code", Reply, Fail},
		{"/%61uthorize?response_type=code", Reply, Fail},
		{"/authorize.json?response_type=code", Reply, Fail},
		{"/par", Bypass, Fail},
		{"/PAR", Reply, Fail},
		{"/authorized", Send, Deliver},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "POST"} {
			t.Run(method+" "+tt.path, func(t *testing.T) {
				t.Parallel()
				rig := newRig(t)
				require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
				rig.client.SignIn.Pushed = policy.Endpoint{Origin: authIssuer, Path: "/par"}
				rig.client.Resources = append(rig.client.Resources, policy.Rule{Origin: authIssuer, Path: "/*", Methods: []string{"GET", "POST"}})
				require.NoError(t, rig.table.Check())
				frame := rig.open()
				_, answer := frame.start(t.Context(), request{method: method, url: authIssuer + tt.path})
				require.Equal(t, tt.asked, answer.Action)
				if tt.asked == Reply {
					requireRefusal(t, answer, 403, protocol.CodeURLRefused)
				}

				id, answer := frame.start(t.Context(), request{method: method, url: authIssuer + "/api/redirect"})
				require.Equal(t, Send, answer.Action)
				answer = frame.Head(id, Response{Status: 200, Headers: textBody, Redirected: targetOf(authIssuer + tt.path)})
				require.Equal(t, tt.led, answer.Action)
			})
		}
	}
}

// Two origins that redirect to each other end with what the second says.
func TestRedirectIsTakenUpOnce(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	frame.signInAs(t, "spa2")
	id, _ := frame.start(t.Context(), request{url: apiURL})
	answer := frame.Head(id, Response{Status: 200, Redirected: targetOf("https://files.example.com/v2/a")})
	require.Equal(t, Send, frame.settle(t.Context(), id, answer).Action)
	answer = frame.Head(id, Response{Status: 401, Redirected: targetOf(apiURL)})
	require.Equal(t, Deliver, answer.Action)
	require.Equal(t, apiURL, answer.URL)
}
