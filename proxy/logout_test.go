package proxy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func revocations(origin *origin) []string {
	var list []string
	for _, body := range origin.server.asked(revokeURL) {
		hint, _ := body.get("token_type_hint")
		token, _ := body.get("token")
		client, _ := body.get("client_id")
		list = append(list, hint+" "+token+" "+client)
	}
	return list
}

var bothRevoked = []string{"refresh_token " + refreshToken(1) + " spa", "access_token " + accessToken(1) + " spa"}

func TestLogoutRevokesThenForgets(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	origin.server.bend(func(_ context.Context, request FetchRequest) (FetchResponse, error) {
		if forgotten := origin.store.record("session/main") == nil; forgotten != strings.HasPrefix(request.URL, endURL) {
			t.Errorf("forgotten: %t at the request to %s", forgotten, request.URL)
		}
		return FetchResponse{}, nil
	})
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"))
	require.Equal(t, bothRevoked, revocations(origin), "the refresh token first")
	require.Nil(t, origin.store.record("session/main"))
	require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard())
	requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
	require.Equal(t, []form{{{"id_token_hint", idToken(1)}, {"client_id", "spa"}}}, origin.server.asked(endURL))
	require.Empty(t, origin.locks.held())

	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"), "again")
	require.Len(t, revocations(origin), 2)
	require.Len(t, origin.server.asked(endURL), 1)
}

func TestLogoutForgetsWhateverTheServerDoes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(ctx context.Context, request FetchRequest) (FetchResponse, error)
		takes  time.Duration
	}{
		{"a fault", func(context.Context, FetchRequest) (FetchResponse, error) { return jsonResponse(500, ""), nil }, 0},
		{"an error", func(context.Context, FetchRequest) (FetchResponse, error) {
			return jsonResponse(400, `{"error":"unsupported_token_type"}`), nil
		}, 0},
		{"no network", func(context.Context, FetchRequest) (FetchResponse, error) { return FetchResponse{}, ErrNetwork }, 0},
		{"no answer", func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			<-ctx.Done()
			return FetchResponse{}, ctx.Err()
		}, 3 * revokeTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin := newOrigin(t)
				origin.table.TimeoutMS = 3000 // shorter than the revocations take
				frame := origin.open()
				frame.signIn(t)
				origin.server.bend(tt.answer)
				began := time.Now()
				require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"))
				require.Equal(t, tt.takes, time.Since(began))
				require.Equal(t, bothRevoked, revocations(origin), "both are tried")
				require.Nil(t, origin.store.record("session/main"))
				requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
			})
		})
	}
}

func TestRemoveForgetsWithoutAWord(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRemove, "main"))
	require.Empty(t, revocations(origin))
	require.Nil(t, origin.store.record("session/main"))
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRemove, "main"))
	require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard(), "told once")
}

// An SDK signs out by requests of its own.
func TestRevocationByTheApp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       []string
		signedOut  bool
	}{
		{"the refresh token", "token=REDACTED&token_type_hint=refresh_token&client_id=spa", bothRevoked, true},
		{"no hint", "token=REDACTED&client_id=spa", bothRevoked, true},
		{"an odd hint", "token=REDACTED&token_type_hint=x&client_id=spa", bothRevoked, true},
		{"no token", "client_id=spa", bothRevoked, true},
		{"the access token", "token=REDACTED&token_type_hint=access_token&client_id=spa", bothRevoked[1:], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			answer := frame.post(t.Context(), revokeURL, tt.body)
			require.Equal(t, 200, answer.Status, "%s", answer.Body)
			require.Equal(t, tt.want, revocations(origin))
			if tt.signedOut {
				requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
				return
			}
			require.Equal(t, []string{"main signedin"}, frame.heard())
			require.Equal(t, accessToken(2), bearer(frame.get(t.Context())), "the next request renews")
		})
	}
}

func TestRevocationOfTheOnlyTokenSignsOut(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	origin.server.bend(always(jsonResponse(200, `{"access_token":"the-only-token"}`), nil))
	frame := origin.open()
	frame.signIn(t)
	frame.post(t.Context(), revokeURL, "token=REDACTED&token_type_hint=access_token&client_id=spa")
	require.Equal(t, []string{"access_token the-only-token spa"}, revocations(origin))
	require.Nil(t, origin.store.record("session/main"))
}

func TestRevocationIsRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]request{
		"a token of the app's": {headers: formHeader, body: "token=stolen&client_id=spa"},
		"another client":       {headers: formHeader, body: "token=REDACTED&client_id=evil"},
		"no client":            {headers: formHeader, body: "token=REDACTED"},
		"two tokens":           {headers: formHeader, body: "token=REDACTED&token=REDACTED&client_id=spa"},
		"JSON":                 {headers: "content-type\napplication/json\n", body: `{"token":"REDACTED"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			r.method, r.url = "POST", revokeURL
			requireRefusal(t, frame.do(t.Context(), r), 400, protocol.CodeInvalidRequest)
			require.Empty(t, revocations(origin))
			require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
		})
	}
}

func TestEndSessionHint(t *testing.T) {
	t.Parallel()
	hint := "id_token_hint=" + idToken(1)
	tests := []struct {
		name, query string
		prepare     func(t *testing.T, o *origin, f *frame)
		want        string
	}{
		{"signed in", "", nil, "?" + hint},
		{"the app's hint is replaced", "?id_token_hint=REDACTED&state=s", nil, "?state=s&" + hint},
		{"parameters stay", "?client_id=spa&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2F", nil, "?client_id=spa&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2F&" + hint},
		{"right after the revocation", "", func(t *testing.T, _ *origin, f *frame) {
			f.post(t.Context(), revokeURL, "client_id=spa")
		}, "?" + hint},
		{"a minute after the revocation", "", func(t *testing.T, o *origin, f *frame) {
			f.post(t.Context(), revokeURL, "client_id=spa")
			o.advance(hintLifetime + time.Second)
		}, ""},
		{"another client's", "?client_id=spa2", nil, "?client_id=spa2"},
		{"of an account that signed in since", "", func(t *testing.T, _ *origin, f *frame) {
			f.post(t.Context(), revokeURL, "client_id=spa")
			f.signIn(t)
		}, "?id_token_hint=" + idToken(2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			if tt.prepare != nil {
				tt.prepare(t, origin, frame)
			}
			id, answer := frame.start(t.Context(), request{url: endURL + tt.query, headers: "authorization\nx\n"})
			require.Equal(t, Send, answer.Action)
			require.Equal(t, endURL+tt.want, answer.URL)
			require.Empty(t, header(answer.Headers, "authorization"))
			answer = frame.Head(id, Response{Status: 200})
			require.Equal(t, Deliver, answer.Action)
			require.Empty(t, answer.URL, "the app sees the URL that it wrote")
		})
	}
}

func TestEndSessionQueryIsRefused(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"?a=%zz", "?id_token_hint=a&id_token_hint=b"} {
		answer := newOrigin(t).open().do(t.Context(), request{url: endURL + query})
		requireRefusal(t, answer, 400, protocol.CodeInvalidRequest)
	}
}

// A hint that the configuration hides does not come back in the response.
func TestEndSessionHidesTheHint(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	frame := origin.open()
	frame.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id=spa2", 1))
	id, answer := frame.start(t.Context(), request{url: endURL + "?client_id=spa2"})
	require.Contains(t, answer.URL, idToken(1))
	frame.call(t.Context(), protocol.CallRemove, "other")
	answer = frame.Head(id, Response{Status: 200, Headers: []string{"x-echo", idToken(1), "content-type", "text/html"}})
	require.Equal(t, "REDACTED", header(answer.Headers, "x-echo"))
	require.Equal(t, "<REDACTED>", string(frame.Chunk(id, []byte("<"+idToken(1)+">"), true)))
}
