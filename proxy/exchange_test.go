package proxy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestExchangeStoresBeforeItAnswers(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	frame := origin.open()
	answer := frame.post(t.Context(), tokenURL, signInForm)
	require.Equal(t, Reply, answer.Action)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, `{"access_token":"REDACTED","refresh_token":"REDACTED","id_token":"id-token-0001","token_type":"Bearer","expires_in":3600,"scope":"openid"}`, string(answer.Body))
	require.Equal(t, "application/json", header(answer.Headers, "content-type"))

	current := origin.stored(t, "main")
	require.Equal(t, accessToken(1), current.access.Expose())
	require.Equal(t, refreshToken(1), current.refresh.Expose())
	require.Equal(t, origin.clock().Add(3600e9).UnixMilli(), current.expiresAt.UnixMilli())
	require.NotContains(t, string(origin.store.record("session/main")), "token-", "the record is sealed")
	require.Equal(t, []string{"main signedin"}, frame.heard())
}

func TestExchangeSendsTheAppsParameters(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	origin.open().do(t.Context(), request{
		method: "POST", url: tokenURL, body: signInForm + "&resource=a&resource=b",
		headers: "Content-Type\napplication/x-www-form-urlencoded; charset=utf-8\naccept-language\nde\nauthorization\nBasic x\ncookie\na\n",
	})
	require.Len(t, origin.server.requests, 1)
	sent := origin.server.requests[0]
	require.Equal(t, "POST", sent.Method)
	require.Equal(t, []string{"content-type", "application/x-www-form-urlencoded", "accept-language", "de", "accept", "application/json"}, sent.Headers)
	require.Equal(t, "omit", sent.Credentials)
	require.Equal(t, form{
		{"grant_type", "authorization_code"},
		{"code", "c"},
		{"code_verifier", "v"},
		{"redirect_uri", appOrigin + "/cb"},
		{"client_id", "spa"},
		{"resource", "a"},
		{"resource", "b"},
	}, origin.server.asked(tokenURL)[0])
}

func TestExchangeRefusesRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, headers, body string
	}{
		{"no content type", "", signInForm},
		{"JSON", "content-type\napplication/json\n", `{"grant_type":"authorization_code"}`},
		{"plain text", "content-type\ntext/plain\n", signInForm},
		{"a content type that only begins alike", "content-type\napplication/x-www-form-urlencoded-not\n", signInForm},
		{"multipart", "content-type\nmultipart/form-data; boundary=x\n", signInForm},
		{"no body", formHeader, ""},
		{"no grant type", formHeader, "client_id=spa"},
		{"password", formHeader, "grant_type=password&username=a&password=b&client_id=spa"},
		{"client credentials", formHeader, "grant_type=client_credentials&client_id=spa"},
		{"device code", formHeader, "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=spa"},
		{"token exchange", formHeader, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&client_id=spa"},
		{"a grant type in other letters", formHeader, "grant_type=Authorization_Code&client_id=spa"},
		{"no client", formHeader, "grant_type=authorization_code&code=c"},
		{"another client", formHeader, "grant_type=authorization_code&code=c&client_id=evil"},
		{"the name in place of the client_id", formHeader, "grant_type=authorization_code&code=c&client_id=main"},
		{"two clients", formHeader, signInForm + "&client_id=spa"},
		{"two grant types", formHeader, signInForm + "&grant_type=refresh_token"},
		{"two codes", formHeader, signInForm + "&code=d"},
		{"a doubled name, escaped", formHeader, signInForm + "&%63ode=d"},
		{"a broken escape", formHeader, signInForm + "&x=%zz"},
		{"a body that is too large", formHeader, signInForm + "&x=" + strings.Repeat("a", maxForm)},
		{"a refresh token of the app's", formHeader, "grant_type=refresh_token&refresh_token=stolen&client_id=spa"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			answer := origin.open().do(t.Context(), request{method: "POST", url: tokenURL, headers: tt.headers, body: tt.body})
			requireRefusal(t, answer, 400, protocol.CodeInvalidRequest)
			require.Empty(t, origin.server.requests, "nothing is sent")
			require.Nil(t, origin.stored(t, "main"))
		})
	}
}

func TestExchangeRefusesReplies(t *testing.T) {
	t.Parallel()
	const ok = `"access_token":"access-token-0001","token_type":"Bearer"`
	tests := []struct {
		name, body string
	}{
		{"nothing", ""},
		{"HTML", "<html>access-token-0001</html>"},
		{"an array", `[{` + ok + `}]`},
		{"a string", `"access-token-0001"`},
		{"null", "null"},
		{"two objects", `{` + ok + `}{}`},
		{"a byte order mark", "\ufeff{" + ok + "}"},
		{"a comment", `{` + ok + `/**/}`},
		{"a trailing comma", `{` + ok + `,}`},
		{"single quotes", `{'access_token':'x'}`},
		{"invalid UTF-8", "{" + ok + ",\"x\":\"\xff\"}"},
		{"too deep", `{` + ok + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`},
		{"no access token", `{"refresh_token":"r","token_type":"Bearer"}`},
		{"an empty access token", `{"access_token":"","token_type":"Bearer"}`},
		{"null as access token", `{"access_token":null,"token_type":"Bearer"}`},
		{"a number as access token", `{"access_token":12345678,"token_type":"Bearer"}`},
		{"an object as access token", `{"access_token":{"a":1},"token_type":"Bearer"}`},
		{"an access token further in", `{"data":{"access_token":"access-token-0001"},"token_type":"Bearer"}`},
		{"an access token with a line feed", `{"access_token":"access\nx-evil: 1","token_type":"Bearer"}`},
		{"an access token that is not ASCII", `{"access_token":"accéss-token","token_type":"Bearer"}`},
		{"a refresh token with a control character", `{` + ok + `,"refresh_token":"refresh\u0000token"}`},
		{"DPoP", `{"access_token":"access-token-0001","token_type":"DPoP"}`},
		{"MAC", `{"access_token":"access-token-0001","token_type":"mac"}`},
		{"a token type that is no text", `{"access_token":"access-token-0001","token_type":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.server.bend(always(jsonResponse(200, tt.body), nil))
			frame := origin.open()
			answer := frame.post(t.Context(), tokenURL, signInForm)
			requireRefusal(t, answer, 502, protocol.CodeInvalidResponse)
			require.NotContains(t, string(answer.Body), "access-token-0001")
			require.Nil(t, origin.stored(t, "main"))
			require.Empty(t, frame.heard())
		})
	}
}

func TestExchangePassesErrorsUnchanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		response FetchResponse
	}{
		{"invalid_grant", jsonResponse(400, "{ \"error\" : \"invalid_grant\",\n\"error_description\":\"used\" }")},
		{"invalid_client", jsonResponse(401, `{"error":"invalid_client"}`)},
		{"a fault", FetchResponse{Status: 500, StatusText: "Oops", Headers: []string{"content-type", "text/html", "retry-after", "3"}, Body: []byte("<h1>500</h1>")}},
		{"no body", FetchResponse{Status: 503}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			before := origin.store.record("session/main")
			origin.server.bend(always(tt.response, nil))
			answer := frame.post(t.Context(), tokenURL, signInForm)
			require.Equal(t, Reply, answer.Action)
			require.Equal(t, tt.response.Status, answer.Status)
			require.Equal(t, tt.response.StatusText, answer.StatusText)
			require.Equal(t, string(tt.response.Body), string(answer.Body))
			require.ElementsMatch(t, tt.response.Headers, answer.Headers)
			require.Equal(t, before, origin.store.record("session/main"), "an error changes nothing")
		})
	}
}

func TestExchangeErrorsThatHoldTokensAreRedacted(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	origin.server.bend(always(jsonResponse(400, `{"error":"odd","access_token":"another-token","n":[{"refresh_token":"deep-token"}]}`), nil))
	answer := origin.open().post(t.Context(), tokenURL, signInForm)
	require.Equal(t, `{"error":"odd","access_token":"REDACTED","n":[{"refresh_token":"REDACTED"}]}`, string(answer.Body))
}

func TestExchangeScrubsTheWholeReply(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	response := jsonResponse(200, tokenReply(1, 3600))
	response.StatusText = "OK " + accessToken(1)
	response.Headers = append(response.Headers, "x-token", "t="+accessToken(1), "x-refresh", refreshToken(1), "Content-Length", "999")
	origin.server.bend(always(response, nil))
	answer := origin.open().post(t.Context(), tokenURL, signInForm)
	require.Equal(t, "OK REDACTED", answer.StatusText)
	require.Equal(t, []string{"content-type", "application/json", "x-token", "t=REDACTED", "x-refresh", "REDACTED"}, answer.Headers)
}

func TestExchangeWithoutAServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want func(testing.TB, Answer)
	}{
		{"a network failure is one for the app", errors.Join(ErrNetwork, errDisk), func(t testing.TB, a Answer) { require.Equal(t, Fail, a.Action) }},
		{"an oversized reply", errors.New("body is larger than 1 MiB"), func(t testing.TB, a Answer) {
			requireRefusal(t, a, 502, protocol.CodeInvalidResponse)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.server.bend(always(FetchResponse{}, tt.err))
			tt.want(t, origin.open().post(t.Context(), tokenURL, signInForm))
			require.Nil(t, origin.stored(t, "main"))
		})
	}
}

func TestExchangeOutlivesTheApp(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	origin.open().post(ctx, tokenURL, signInForm)
	require.NotNil(t, origin.stored(t, "main"), "the code is spent: its tokens are kept")
}

func TestNewSignInReplacesTheOldOne(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	first := origin.stored(t, "main")
	origin.server.bend(always(jsonResponse(200, `{"access_token":"only-an-access-token","token_type":"bearer"}`), nil))
	answer := frame.post(t.Context(), tokenURL, signInForm)
	require.Equal(t, `{"access_token":"REDACTED","token_type":"bearer"}`, string(answer.Body))
	current := origin.stored(t, "main")
	require.True(t, current.refresh.IsZero(), "the refresh token of the account before is gone")
	require.True(t, current.id.IsZero())
	require.Greater(t, current.generation, first.generation)
	require.Equal(t, "only-an-access-token", bearer(frame.get(t.Context())))
}
