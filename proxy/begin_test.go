package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestBeginRefusesURLsThatAreNotPlain(t *testing.T) {
	t.Parallel()
	api := Target{Href: apiURL, Origin: "https://api.example.com", Path: "/v1/items"}
	with := func(change func(*Target)) Target {
		target := api
		change(&target)
		return target
	}
	tests := []struct {
		name, url string
		target    Target
		code      protocol.Code // "" when it passes
	}{
		{"as the browser writes it", apiURL, api, ""},
		{"with a query", apiURL + "?a=b", with(func(u *Target) { u.Href += "?a=b"; u.Query = "a=b" }), ""},
		{"with an empty query", apiURL + "?", with(func(u *Target) { u.Href += "?" }), ""},
		{"with a question mark in the query", apiURL + "?a?b", with(func(u *Target) { u.Href += "?a?b"; u.Query = "a?b" }), ""},
		{"upper-case host", "https://API.example.com/v1/items", api, protocol.CodeURLRefused},
		{"default port", "https://api.example.com:443/v1/items", api, protocol.CodeURLRefused},
		{"dot segments", "https://api.example.com/v1/x/../items", api, protocol.CodeURLRefused},
		{"backslashes", `https:\\api.example.com/v1/items`, api, protocol.CodeURLRefused},
		{"white space", " " + apiURL, api, protocol.CodeURLRefused},
		{"a tab", "https://api.example.com/v1/it\tems", api, protocol.CodeURLRefused},
		{"a relative URL", "/v1/items", api, protocol.CodeURLRefused},
		{"a missing slash", "https:/api.example.com/v1/items", api, protocol.CodeURLRefused},
		{"no URL", "", api, protocol.CodeURLRefused},
		{"another host", "https://evil.example.com/v1/items", api, protocol.CodeURLRefused},
		{"a fragment", apiURL + "#x", with(func(u *Target) { u.Href += "#x" }), protocol.CodeURLRefused},
		{"an empty fragment", apiURL + "#", with(func(u *Target) { u.Href += "#" }), protocol.CodeURLRefused},
		{"a user", "https://user@api.example.com/v1/items", with(func(u *Target) { u.Href = "https://user@api.example.com/v1/items" }), protocol.CodeURLRefused},
		{"a user and a password", "https://a:b@api.example.com/v1/items", with(func(u *Target) { u.Href = "https://a:b@api.example.com/v1/items" }), protocol.CodeURLRefused},
		{
			"blob:", "blob:https://api.example.com/v1/items",
			Target{"blob:https://api.example.com/v1/items", "https://api.example.com", "https://api.example.com/v1/items", ""},
			protocol.CodeURLRefused,
		},
		{
			"filesystem:", "filesystem:https://api.example.com/temporary/v1/items",
			Target{"filesystem:https://api.example.com/temporary/v1/items", "https://api.example.com", "/v1/items", ""},
			protocol.CodeURLRefused,
		},
		{"data:", "data:text/plain,x", Target{"data:text/plain,x", "null", "text/plain,x", ""}, protocol.CodeURLRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, frame := signedIn(t)
			_, err := frame.sessions.load(t.Context(), "main")
			require.NoError(t, err)
			answer := frame.Begin(1, tt.target, request{url: tt.url}.pairs())
			if tt.code != "" {
				requireRefusal(t, answer, 400, tt.code)
				require.Nil(t, frame.Proxy.get(1), "a refused request leaves nothing behind")
				return
			}
			require.Equal(t, accessToken(1), bearer(answer))
		})
	}
}

func TestBeginJudges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		method string
		url    string
		action Action
		status int
		code   protocol.Code
	}{
		{"not ours", "GET", "https://elsewhere.example.com/v1/items", Bypass, 0, ""},
		{"where only redirects lead", "GET", storageOrigin + "/v1/items", Bypass, 0, ""},
		{"an endpoint's path where only redirects lead", "POST", storageOrigin + "/token", Bypass, 0, ""},
		{"beside the pattern", "GET", "https://api.example.com/v3/items", Bypass, 0, ""},
		{"a resource", "GET", apiURL, Await, 0, ""},
		{"HEAD of a resource", "HEAD", apiURL, Await, 0, ""},
		{"a method that is not listed", "DELETE", apiURL, Reply, 403, protocol.CodeMethodNotAllowed},
		{"a method in lower case", "get", apiURL, Reply, 403, protocol.CodeMethodNotAllowed},
		{"an encoded slash", "GET", "https://api.example.com/v1/a%2fb", Reply, 403, protocol.CodeURLRefused},
		{"the token endpoint", "POST", tokenURL, AwaitBody, 0, ""},
		{"GET of the token endpoint", "GET", tokenURL, Reply, 403, protocol.CodeMethodNotAllowed},
		{"the token endpoint with a query", "POST", tokenURL + "?x=1", Reply, 403, protocol.CodeURLRefused},
		{"the revocation endpoint", "POST", revokeURL, AwaitBody, 0, ""},
		{"a URL that contains an endpoint", "POST", "https://evil.example.com/token", Bypass, 0, ""},
		{"user info", "GET", "https://auth.example.com/userinfo", Await, 0, ""},
		{"the end of the session", "GET", endURL + "?client_id=spa", Await, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := newOrigin(t).open().Begin(1, targetOf(tt.url), request{method: tt.method, url: tt.url}.pairs())
			require.Equal(t, tt.action, answer.Action, "%s", answer.Body)
			if tt.code != "" {
				requireRefusal(t, answer, tt.status, tt.code)
			}
		})
	}
}

func TestBeginRefusesMessages(t *testing.T) {
	t.Parallel()
	valid := request{url: apiURL}.pairs()
	tests := map[string][]string{
		"no fields":          nil,
		"an unknown field":   append([]string{"endpoint", "https://evil.example.com"}, valid...),
		"a body of text":     append([]string{"body", "x"}, valid...),
		"a doubled field":    append([]string{"url", apiURL}, valid...),
		"half a field":       append([]string{"url"}, valid...),
		"another version":    append([]string{"v", "2"}, valid[2:]...),
		"another type":       append([]string{"v", "1", "type", "call"}, valid[4:]...),
		"a header in one":    {"v", "1", "type", "fetch", "id", "1", "method", "GET", "url", apiURL, "headers", "a"},
		"a header name of 0": {"v", "1", "type", "fetch", "id", "1", "method", "GET", "url", apiURL, "headers", "\nx\n"},
	}
	for name, pairs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := newOrigin(t).open().Begin(1, targetOf(apiURL), pairs)
			requireRefusal(t, answer, 400, protocol.CodeInvalidRequest)
		})
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, headers string
		want          []string // beside the token
	}{
		{"none", "", nil},
		{"ordinary ones stay, in order", "accept\ntext/html\nx-a\n1\nx-a\n2\n", []string{"accept", "text/html", "x-a", "1", "x-a", "2"}},
		{"Authorization", "Authorization\nBearer forged\n", nil},
		{"Authorization, odd case", "aUTHORIZATION\nBasic x\n", nil},
		{"DPoP", "DPoP\nproof\n", nil},
		{"Cookie", "Cookie\na=b\ncookie2\nx\nset-cookie\nx\n", nil},
		{"forbidden names", "Host\nx\nOrigin\nx\nReferer\nx\nContent-Length\n9\nTransfer-Encoding\nchunked\nConnection\nclose\nVia\nx\n", nil},
		{"forbidden prefixes", "Sec-Fetch-Site\nsame-origin\nProxy-Authorization\nx\nsec-anything\nx\n", nil},
		{"method overrides", "X-HTTP-Method-Override\nDELETE\nx-http-method\nDELETE\nX-Method-Override\nDELETE\n", nil},
		{"names that only look forbidden", "x-authorization\n1\nsecond\n2\n", []string{"x-authorization", "1", "second", "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, frame := signedIn(t)
			for _, warm := range []bool{false, true} {
				answer := frame.do(t.Context(), request{url: apiURL, headers: tt.headers})
				require.Equal(t, Send, answer.Action, "warm %t", warm)
				require.Empty(t, answer.URL, "the URL that was judged is sent")
				require.Equal(t, append(tt.want, "authorization", "Bearer "+accessToken(1)), answer.Headers)
			}
		})
	}
}

func TestEachClientGetsItsOwnToken(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	second := request{url: "https://api.example.com/v2/items"}
	requireRefusal(t, frame.do(t.Context(), second), 400, protocol.CodeNotSignedIn)
	answer := frame.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id=spa2", 1))
	require.Equal(t, 200, answer.Status)
	require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
	require.Equal(t, accessToken(2), bearer(frame.do(t.Context(), second)))
}

func TestUserInfoUsesTheClientThatIsSignedIn(t *testing.T) {
	t.Parallel()
	frame := newOrigin(t).open()
	info := request{url: "https://auth.example.com/userinfo"}
	requireRefusal(t, frame.do(t.Context(), info), 400, protocol.CodeNotSignedIn)
	frame.post(t.Context(), tokenURL, strings.Replace(signInForm, "client_id=spa", "client_id=spa2", 1))
	require.Equal(t, accessToken(1), bearer(frame.do(t.Context(), info)))

	// Its retry renews that client's token, not the first one's.
	id, _ := frame.start(t.Context(), info)
	require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
	require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
}

func TestRequestsThatAreOverFail(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	require.Equal(t, Fail, frame.Settle(t.Context(), 99, nil).Action)
	require.Equal(t, Fail, frame.Head(99, Response{Status: 200}).Action)
	require.Empty(t, frame.Chunk(99, []byte("x"), true))
	id, answer := frame.start(t.Context(), request{url: apiURL})
	require.Equal(t, Send, answer.Action)
	require.Equal(t, Fail, frame.Settle(t.Context(), id, nil).Action, "nothing is left to settle")
	require.Empty(t, frame.Chunk(id, []byte("x"), false), "no head yet")
	frame.End(id)
	frame.End(id)
	require.Equal(t, Fail, frame.Head(id, Response{Status: 200}).Action)

	require.Equal(t, Await, frame.Begin(101, targetOf(endURL), request{url: endURL}.pairs()).Action)
	require.Equal(t, Fail, frame.Head(101, Response{Status: 401, Headers: invalidToken}).Action, "nothing was sent yet")
	frame.End(101)

	frame.Begin(100, targetOf(apiURL), request{url: apiURL}.pairs())
	frame.End(100)
	frame.Proxy.mu.Lock()
	defer frame.Proxy.mu.Unlock()
	require.Empty(t, frame.exchanges, "no request is remembered after its end")
}
