package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

var invalidToken = []string{"www-authenticate", `Bearer realm="api", error="invalid_token", error_description="expired"`}

func TestWhenAResponseIsRetried(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		status     int
		headers    []string
		resendable bool
		want       Action
	}{
		{"invalid_token", 401, invalidToken, true, Await},
		{"invalid_token without quotes", 401, []string{"WWW-Authenticate", "Bearer error=invalid_token"}, true, Await},
		{"invalid_token in other letters", 401, []string{"www-authenticate", `BEARER ERROR="INVALID_TOKEN"`}, true, Await},
		{"a body that cannot be sent again", 401, invalidToken, false, Deliver},
		{"no challenge", 401, nil, true, Deliver},
		{"a challenge without a reason", 401, []string{"www-authenticate", "Bearer"}, true, Deliver},
		{"insufficient_scope", 401, []string{"www-authenticate", `Bearer error="insufficient_scope"`}, true, Deliver},
		{"invalid_request", 401, []string{"www-authenticate", `Bearer error="invalid_request", error_description="no invalid_token"`}, true, Deliver},
		{"Basic", 401, []string{"www-authenticate", "Basic"}, true, Deliver},
		{"403", 403, invalidToken, true, Deliver},
		{"400", 400, invalidToken, true, Deliver},
		{"200", 200, invalidToken, true, Deliver},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			id, _ := frame.start(t.Context(), request{url: apiURL})
			answer := frame.Head(id, tt.status, "", apiURL, tt.headers, tt.resendable)
			require.Equal(t, tt.want, answer.Action)
			require.Zero(t, origin.server.refreshes())
			if tt.want == Deliver {
				require.Equal(t, tt.status, answer.Status)
			}
		})
	}
}

func TestARetryIsMadeOnce(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	id, answer := frame.start(t.Context(), request{url: apiURL, headers: "x-a\n1\n"})
	require.Equal(t, accessToken(1), bearer(answer))
	require.Equal(t, Await, frame.Head(id, 401, "", apiURL, invalidToken, true).Action)
	answer = frame.Settle(t.Context(), id, nil)
	require.Equal(t, []string{"x-a", "1", "authorization", "Bearer " + accessToken(2)}, answer.Headers)
	answer = frame.Head(id, 401, "", apiURL, invalidToken, true)
	require.Equal(t, Deliver, answer.Action, "the second 401 is the app's")
	require.Equal(t, 401, answer.Status)
	require.Equal(t, 1, origin.server.refreshes())
}

func TestARetryUsesWhatAnotherRequestHasRenewed(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	first, _ := frame.start(t.Context(), request{url: apiURL})
	second, _ := frame.start(t.Context(), request{url: apiURL})
	for _, id := range []uint32{first, second} {
		require.Equal(t, Await, frame.Head(id, 401, "", apiURL, invalidToken, true).Action)
		require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
	}
	require.Equal(t, 1, origin.server.refreshes())
}

func TestARetryThatHasNoToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(t *testing.T, origin *origin, frame *frame)
		status  int
		code    protocol.Code
	}{
		{"signed out meanwhile", func(t *testing.T, _ *origin, f *frame) {
			f.call(t.Context(), protocol.CallRemove, "main")
		}, 400, protocol.CodeNotSignedIn},
		{"invalid_grant", func(_ *testing.T, o *origin, _ *frame) {
			o.server.bend(always(jsonResponse(400, `{"error":"invalid_grant"}`), nil))
		}, 400, protocol.CodeSessionExpired},
		{"no network", func(_ *testing.T, o *origin, _ *frame) {
			o.server.bend(always(FetchResponse{}, ErrNetwork))
		}, 502, protocol.CodeRefreshFailed},
		{"no refresh token", func(t *testing.T, o *origin, f *frame) {
			o.server.bend(always(jsonResponse(200, `{"access_token":"the-only-token"}`), nil))
			f.signIn(t)
		}, 400, protocol.CodeSessionExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			if tt.name == "no refresh token" {
				tt.prepare(t, origin, frame)
			}
			id, _ := frame.start(t.Context(), request{url: apiURL})
			if tt.name != "no refresh token" {
				tt.prepare(t, origin, frame)
			}
			require.Equal(t, Await, frame.Head(id, 401, "", apiURL, invalidToken, true).Action)
			requireRefusal(t, frame.Settle(t.Context(), id, nil), tt.status, tt.code)
		})
	}
}

// Generations tell the sessions of two sign-ins apart, also when the first has
// left the store.
func TestARetryAfterANewSignInDoesNotRefresh(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	frame.call(t.Context(), protocol.CallRemove, "main")
	origin.advance(time.Minute)
	frame.signIn(t)
	require.Equal(t, Await, frame.Head(id, 401, "", apiURL, invalidToken, true).Action)
	require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
	require.Zero(t, origin.server.refreshes())
}
