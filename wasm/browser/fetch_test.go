//go:build js && wasm

package browser_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
)

// fixture is the URL of something that the runner's server answers.
func fixture(t testing.TB, path string) string {
	t.Helper()
	var script browser.Script
	origin := script.Text(script.Get(script.Global("location"), "origin"))
	require.NoError(t, script.Err())
	return origin + "/fixture/" + path
}

func TestFetch(t *testing.T) {
	answer, err := browser.Fetcher{}.Fetch(t.Context(), proxy.FetchRequest{
		Method:  "POST",
		URL:     fixture(t, "echo?a=1"),
		Headers: []string{"Content-Type", "application/x-www-form-urlencoded", "X-Test", "one", "X-Test", "two"},
		Body:    []byte("grant_type=refresh_token&\x00\xff"),
	})
	require.NoError(t, err)
	require.Equal(t, 202, answer.Status)
	require.Equal(t, "Accepted", answer.StatusText)
	require.Equal(t, fixture(t, "echo?a=1"), answer.URL)
	require.Contains(t, strings.Join(answer.Headers, "\n"), "x-echo\nyes")

	head, body, found := strings.Cut(string(answer.Body), "\n\n")
	require.True(t, found)
	require.Equal(t, "grant_type=refresh_token&\x00\xff", body)
	require.Equal(t, []string{
		"POST /fixture/echo?a=1",
		"Content-Type: application/x-www-form-urlencoded",
		"X-Test: one, two",
		"Referer: ",
		"Cache-Control: no-cache",
		"Sec-Fetch-Mode: cors",
		"Cookie: ",
	}, strings.Split(head, "\n"))
}

func TestFetchSendsCookiesOnlyWhenAsked(t *testing.T) {
	var script browser.Script
	script.Set(script.Global("document"), "cookie", "session=1; path=/fixture/")
	require.NoError(t, script.Err())
	tests := map[string]struct{ credentials, cookie string }{
		"by default":  {"", "Cookie: \n"},
		"omit":        {"omit", "Cookie: \n"},
		"same-origin": {"same-origin", "Cookie: session=1\n"},
		"include":     {"include", "Cookie: session=1\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request := proxy.FetchRequest{Method: "GET", URL: fixture(t, "echo"), Credentials: test.credentials}
			answer, err := browser.Fetcher{}.Fetch(t.Context(), request)
			require.NoError(t, err)
			require.Contains(t, string(answer.Body), test.cookie)
		})
	}
}

func TestFetchBodies(t *testing.T) {
	tests := map[string]struct {
		method, path string
		size         int
		err          error
	}{
		"none":           {"GET", "status", 0, nil},
		"answer to HEAD": {"HEAD", "echo", 0, nil},
		"at the limit":   {"GET", "large?size=limit", 1 << 20, nil},
		"over the limit": {"GET", "large?size=over", 0, browser.ErrBodyTooLarge},
		"broken off":     {"GET", "broken", 0, proxy.ErrNetwork},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := browser.Fetcher{}.Fetch(t.Context(), proxy.FetchRequest{Method: test.method, URL: fixture(t, test.path)})
			require.ErrorIs(t, err, test.err)
			require.Len(t, answer.Body, test.size)
		})
	}
}

func TestFetchWithoutAResponse(t *testing.T) {
	other := strings.Replace(fixture(t, "echo"), "app.example.localhost", "other.example.localhost", 1)
	tests := map[string]struct {
		url     string
		network bool
	}{
		"redirect":            {fixture(t, "redirect"), true},
		"no CORS permission":  {other, true},
		"a forbidden port":    {"http://app.example.localhost:1/", true},
		"a URL with no sense": {"http://[/", false},
		"a URL with a login":  {"http://user:word@app.example.localhost/", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer, err := browser.Fetcher{}.Fetch(t.Context(), proxy.FetchRequest{Method: "GET", URL: test.url})
			require.Error(t, err)
			if test.network {
				require.ErrorIs(t, err, proxy.ErrNetwork)
			} else {
				require.NotErrorIs(t, err, proxy.ErrNetwork)
			}
			require.Empty(t, answer)
		})
	}
}

func TestFetchRefusesMistakes(t *testing.T) {
	tests := map[string]proxy.FetchRequest{
		"a header without a value": {Method: "GET", Headers: []string{"X-Test"}},
		"a line break in a header": {Method: "GET", Headers: []string{"X-Test", "a\r\nb: c"}},
		"a method with a space":    {Method: "GET /"},
		"a forbidden method":       {Method: "TRACE"},
		"a body for GET":           {Method: "GET", Body: []byte("x")},
		"unknown credentials":      {Method: "GET", Credentials: "all"},
	}
	for name, request := range tests {
		t.Run(name, func(t *testing.T) {
			request.URL = fixture(t, "echo")
			_, err := browser.Fetcher{}.Fetch(t.Context(), request)
			require.Error(t, err)
			require.NotErrorIs(t, err, proxy.ErrNetwork)
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	for name, path := range map[string]string{"before the head": "hang", "in the body": "hang?head=1"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				nextTask(t)
				cancel()
			}()
			_, err := browser.Fetcher{}.Fetch(ctx, proxy.FetchRequest{Method: "GET", URL: fixture(t, path)})
			require.ErrorIs(t, err, context.Canceled)
			nextTask(t)
		})
	}
	t.Run("that had ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := browser.Fetcher{}.Fetch(ctx, proxy.FetchRequest{Method: "GET", URL: fixture(t, "echo")})
		require.ErrorIs(t, err, context.Canceled)
	})
}
