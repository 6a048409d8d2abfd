package proxy

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestCallRefusesMessages(t *testing.T) {
	t.Parallel()
	valid := []string{"v", "1", "type", "call", "call", "status", "client", "main"}
	with := func(pairs ...string) []string { return append(append([]string(nil), valid...), pairs...) }
	tests := []struct {
		name  string
		pairs []string
		code  protocol.Code
	}{
		{"nothing", nil, protocol.CodeInvalidRequest},
		{"an unknown field", with("endpoint", "https://evil.example.com"), protocol.CodeInvalidRequest},
		{"configuration", with("config", "{}"), protocol.CodeInvalidRequest},
		{"a doubled field", with("client", "other"), protocol.CodeInvalidRequest},
		{"half a field", with("client"), protocol.CodeInvalidRequest},
		{"half a field, another", valid[:7], protocol.CodeInvalidRequest},
		{"no operation", []string{"v", "1", "type", "call", "client", "main"}, protocol.CodeInvalidRequest},
		{"an empty operation", []string{"v", "1", "type", "call", "call", ""}, protocol.CodeInvalidRequest},
		{"another operation", []string{"v", "1", "type", "call", "call", "tokens"}, protocol.CodeInvalidRequest},
		{"another version", []string{"v", "2", "type", "call", "call", "status", "client", "main"}, protocol.CodeInvalidRequest},
		{"another type", []string{"v", "1", "type", "fetch", "call", "status", "client", "main"}, protocol.CodeInvalidRequest},
		{"another client", []string{"v", "1", "type", "call", "call", "status", "client", "evil"}, protocol.CodeUnknownClient},
		{"no client, of two", []string{"v", "1", "type", "call", "call", "status"}, protocol.CodeUnknownClient},
		{"an empty client, of two", []string{"v", "1", "type", "call", "call", "status", "client", ""}, protocol.CodeUnknownClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			result := newOrigin(t).open().Call(t.Context(), tt.pairs)
			if tt.name == "another operation" {
				// Only with a client that exists.
				result = newOrigin(t).open().Call(t.Context(), append(tt.pairs, "client", "main"))
			}
			require.Len(t, result, 3)
			require.Equal(t, []string{"error", string(tt.code)}, result[:2])
			require.NotEmpty(t, result[2])
		})
	}
}

func TestCallFindsTheClient(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]string{"by name": "main", "by client_id": "spa"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{"ok", "signedIn", "false"}, newOrigin(t).open().call(t.Context(), protocol.CallStatus, client))
		})
	}
	t.Run("the only one, without a name", func(t *testing.T) {
		t.Parallel()
		origin := newOrigin(t)
		origin.table.Clients = origin.table.Clients[:1]
		require.Equal(t, []string{"ok", "signedIn", "false"}, origin.open().call(t.Context(), protocol.CallStatus, ""))
	})
}

func TestStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, client, reply string
		after               time.Duration
		want                string
	}{
		{"signed in", "spa", tokenReply(1, 60), 0, "ok signedIn true renewable true expiresAt EXPIRY idToken id-token-0001"},
		{"expired, to be renewed", "spa", tokenReply(1, 60), time.Hour, "ok signedIn true renewable true expiresAt EXPIRY idToken id-token-0001"},
		{"a redacted id_token is not told", "spa2", tokenReply(1, 60), 0, "ok signedIn true renewable true expiresAt EXPIRY"},
		{"not renewable", "spa", `{"access_token":"the-only-token","expires_in":60}`, 0, "ok signedIn true renewable false expiresAt EXPIRY"},
		{"without expiry", "spa", `{"access_token":"the-only-token"}`, time.Hour, "ok signedIn true renewable false"},
		{"expired for good", "spa", `{"access_token":"the-only-token","expires_in":60}`, time.Minute, "ok signedIn false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.server.bend(always(jsonResponse(200, tt.reply), nil))
			frame := origin.open()
			answer := frame.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id="+tt.client, 1))
			require.Equal(t, 200, answer.Status, "%s", answer.Body)
			expiry := strconv.FormatInt(origin.clock().Add(time.Minute).UnixMilli(), 10)
			origin.advance(tt.after)
			got := strings.Join(frame.call(t.Context(), protocol.CallStatus, tt.client), " ")
			require.Equal(t, strings.Replace(tt.want, "EXPIRY", expiry, 1), got)
			require.NotContains(t, got, accessToken(1))
			require.NotContains(t, got, refreshToken(1))
		})
	}
}

func TestCallRefresh(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	frame := origin.open()
	require.Equal(t, []string{"error", "not_signed_in"}, frame.call(t.Context(), protocol.CallRefresh, "main")[:2])
	frame.signIn(t)
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRefresh, "main"))
	require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
	origin.server.bend(always(FetchResponse{}, ErrNetwork))
	require.Equal(t, []string{"error", "refresh_failed"}, frame.call(t.Context(), protocol.CallRefresh, "main")[:2])
	require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
}

// Every error that the app sees names a cause and a mend, and no text of others.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	const foreign = "text of a server"
	for _, err := range []error{
		errNotSignedIn, errSessionExpired, errBadTokenReply, errRefreshFailed, ErrNetwork, errStorage, context.Canceled,
	} {
		code, message := describe("main", errors.Join(err, errors.New(foreign)))
		require.NotEmpty(t, code)
		require.NotContains(t, message, foreign)
		require.GreaterOrEqual(t, strings.Count(message, "."), 2, "cause and mend: %s", message)
	}
}

func TestRefusalIsJSONOfTheShapeThatAppsKnow(t *testing.T) {
	t.Parallel()
	answer := refusal(400, protocol.CodeInvalidRequest, "a \"quoted\" \\ <b>\n\x7f é")
	require.Equal(t, `{"error":"invalid_request","message":"a \"quoted\" \\ \u003cb\u003e\u000a\u007f é"}`, string(answer.Body))
}
