package proxy

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

var textBody = []string{"content-type", "text/plain"}

func TestDeliverScrubsTheHead(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	token := accessToken(1)
	answer := frame.Head(id, Response{Status: 418, StatusText: "I am " + token, Headers: []string{
		"content-type", "text/plain", "Content-Length", "12", "x-auth", "Bearer " + token, "x-" + token, "1", "x-json", `{"t":"access\u002dtoken-0001"}`, "x-refresh", refreshToken(1),
	}, Redirected: targetOf("https://api.example.com/v1/x?t=" + token)})
	require.Equal(t, Answer{
		Action: Deliver, Status: 418, StatusText: "I am REDACTED", URL: "https://api.example.com/v1/x?t=REDACTED", Scrub: true,
		Headers: []string{"content-type", "text/plain", "x-auth", "Bearer REDACTED", "x-REDACTED", "1", "x-json", `{"t":"REDACTED"}`, "x-refresh", "REDACTED"},
	}, answer)
}

func TestDeliverLeavesBinaryBodiesAlone(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	headers := []string{"content-type", "image/png", "content-length", "12"}
	answer := frame.Head(id, Response{Status: 200, StatusText: "OK", Headers: headers})
	require.False(t, answer.Scrub)
	require.Equal(t, headers, answer.Headers)
}

// An API that redirects a request with a token response to the app would hand
// over tokens that the vault has never seen.
func TestResponsesOfATokenEndpointAreNotDelivered(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]Action{
		tokenURL: Fail, tokenURL + "?x=1": Fail, tokenURL + "/": Fail, "https://auth.example.com//Token": Fail, revokeURL: Fail,
		tokenURL + "s": Deliver, "https://api.example.com/v1/other": Deliver, authorizeURL: Deliver,
	} {
		_, frame := signedIn(t)
		id, _ := frame.start(t.Context(), request{method: "POST", url: apiURL})
		require.Equal(t, want, frame.Head(id, Response{Status: 200, StatusText: "OK", Headers: textBody, Redirected: targetOf(url)}).Action, url)
	}
}

// A body may stream for longer than the token lives with which it was asked for.
func TestAStreamHidesTokensThatComeLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		here, there := origin.open(), origin.open()
		here.signIn(t)
		id, _ := here.start(t.Context(), request{url: apiURL})
		require.True(t, here.Head(id, Response{Status: 200, StatusText: "OK", Headers: textBody}).Scrub)
		require.Equal(t, "a REDACTED", string(here.Chunk(id, []byte("a "+accessToken(1)), false)))

		require.Equal(t, []string{"ok"}, here.call(t.Context(), protocol.CallRefresh, "main"))
		require.Equal(t, "REDACTED REDACTED", string(here.Chunk(id, []byte(accessToken(1)+" "+accessToken(2)), false)))

		require.Equal(t, []string{"ok"}, there.call(t.Context(), protocol.CallRefresh, "main"))
		synctest.Wait()
		require.Equal(t, "REDACTED", string(here.Chunk(id, []byte(accessToken(3)), false)), "a token of another frame")

		require.Equal(t, []string{"ok"}, there.call(t.Context(), protocol.CallLogout, "main"))
		require.Equal(t, "REDACTED", string(here.Chunk(id, []byte(accessToken(3)), true)), "signed out, and not expired")
	})
}

// An API that keeps the header of one request and shows it to the next.
func TestATokenIsHiddenUntilItExpires(t *testing.T) {
	t.Parallel()
	echo := func(t *testing.T, frame *frame) string {
		id, answer := frame.start(t.Context(), request{url: apiURL})
		require.Equal(t, Send, answer.Action, "%s", answer.Body)
		frame.Head(id, Response{Status: 200, StatusText: "OK", Headers: textBody})
		return string(frame.Chunk(id, []byte(accessToken(1)), true))
	}
	origin, frame := signedIn(t)
	for range 40 {
		require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRefresh, "main"))
	}
	require.Equal(t, "REDACTED", echo(t, frame), "renewed")
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"))
	frame.signIn(t)
	require.Equal(t, "REDACTED", echo(t, frame), "signed out and in again")
	origin.advance(2 * time.Hour)
	frame.signIn(t)
	require.Equal(t, accessToken(1), echo(t, frame), "expired: worth nothing")
}

func TestTheNumberOfHiddenTokensIsBounded(t *testing.T) {
	t.Parallel()
	frame := newOrigin(t).open()
	for i := range 2 * maxIssued {
		frame.sessions.mu.Lock()
		frame.sessions.remember(&session{grant: grant{access: secretOf("token-without-expiry-" + strconv.Itoa(i))}})
		frame.sessions.mu.Unlock()
	}
	values, count := frame.sessions.issuedSince(0)
	require.Len(t, values, maxIssued)
	require.True(t, strings.HasSuffix(values[maxIssued-1], strconv.Itoa(2*maxIssued-1)), "the oldest go")
	values, _ = frame.sessions.issuedSince(count)
	require.Empty(t, values)
}

// Clients that redact differently do not get in each other's way.
func TestEachClientHidesWhatItsConfigurationSays(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	answer := frame.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id=spa2", 1))
	require.Contains(t, string(answer.Body), `"id_token":"REDACTED"`)
	for _, url := range []string{apiURL, "https://api.example.com/v2/items"} {
		_, start := frame.start(t.Context(), request{url: url})
		require.Equal(t, Send, start.Action)
	}
	id, _ := frame.start(t.Context(), request{url: apiURL})
	frame.Head(id, Response{Status: 200, StatusText: "OK", Headers: textBody})
	got := frame.Chunk(id, []byte(strings.Join([]string{accessToken(1), refreshToken(1), idToken(1), accessToken(2), refreshToken(2), idToken(2)}, " ")), true)
	require.Equal(t, "REDACTED REDACTED "+idToken(1)+" REDACTED REDACTED REDACTED", string(got))
}

// A part of a text may be a part of a token, which no scrubber finds.
func TestPartsOfTextsAreAskedForAsAWhole(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	part := func(contentType string) Response {
		return Response{Status: 206, StatusText: "Partial Content", Headers: []string{"content-type", contentType}}
	}
	for contentType, want := range map[string]Action{"text/plain": Send, "": Send, "video/mp4": Deliver} {
		id, _ := frame.start(t.Context(), request{url: apiURL, headers: "Range\nbytes=0-9\nif-range\n\"a\"\nx-a\n1\n"})
		answer := frame.settle(t.Context(), id, frame.Head(id, part(contentType)))
		require.Equal(t, want, answer.Action, contentType)
		if want == Deliver {
			continue
		}
		require.Equal(t, []string{"x-a", "1", "authorization", "Bearer " + accessToken(1)}, answer.Headers)
		requireRefusal(t, frame.Head(id, part(contentType)), 400, protocol.CodeInvalidRequest)
	}
	id, _ := frame.start(t.Context(), request{method: "POST", url: apiURL, headers: "range\nbytes=0-9\n"})
	requireRefusal(t, frame.Head(id, part("text/plain")), 400, protocol.CodeInvalidRequest)
}
