package devidp

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestAPIStatuses(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	tests := []struct {
		path   string
		status int
	}{
		{"/v1/json", 200},
		{"/v1/text", 200},
		{"/v1/nothing", 404},
		{"/v1/", 404},
		{"/nothing", 404},
		{"/public/nothing", 404},
		{"/v1/status/200", 200},
		{"/v1/status/204", 204},
		{"/v1/status/205", 205},
		{"/v1/status/304", 304},
		{"/v1/status/404", 404},
		{"/v1/status/599", 599},
		{"/v1/status/199", 400},
		{"/v1/status/600", 400},
		{"/v1/status/ok", 400},
		{"/v1/status/401?error=a%20b", 400},
		{"/v1/binary?size=-1", 400},
		{"/v1/binary?size=x", 400},
		{"/v1/binary?size=999999999999", 400},
		{"/v1/big?type=image", 400},
		{"/v1/big?size=x", 400},
		{"/v1/slow?ms=0", 200},
		{"/v1/slow?ms=60001", 400},
		{"/v1/slow?ms=5", 200},
		{"/v1/sse?count=x", 400},
		{"/v1/drop?after=x", 400},
		{"/v1/upload", 405},
		{"/v1/echo?as=image", 400},
		{"/v1/echo?status=199", 400},
		{"/v1/echo?as=text&status=503", 503},
		{"/v1/echo?as=chunked&split=99999", 400},
		{"/v1/redirect?status=200", 400},
		{"/v1/redirect", 302},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			require.Equal(t, tt.status, rg.call(t, tt.path, token).status)
		})
	}
}

func TestAPIBodies(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	tests := []struct {
		path, contentType string
		want              []byte
	}{
		{"/v1/binary", "application/octet-stream", BinaryBody(4096)},
		{"/v1/binary?size=0", "application/octet-stream", BinaryBody(0)},
		{"/v1/binary?size=200000", "application/octet-stream", BinaryBody(200000)},
		{"/v1/big?size=200000", "application/octet-stream", BinaryBody(200000)},
		{"/v1/big?size=200000&type=text", "text/plain; charset=utf-8", TextBody(200000)},
		{"/v1/file", "application/octet-stream", FileBody()},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			a := rg.call(t, tt.path, token)
			require.Equal(t, tt.contentType, a.header.Get("Content-Type"))
			require.Equal(t, strconv.Itoa(len(tt.want)), a.header.Get("Content-Length"))
			require.Equal(t, hexSHA256(tt.want), hexSHA256([]byte(a.body)))
		})
	}
	require.False(t, utf8.Valid(BinaryBody(4096)))
	require.True(t, utf8.Valid(TextBody(patternBlock)))
	seen := map[byte]bool{}
	for _, b := range BinaryBody(patternBlock) {
		seen[b] = true
	}
	require.Len(t, seen, 256)
}

func TestAPIWhoAmI(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	a := rg.call(t, "/v1/whoami", token)
	require.Equal(t, hexSHA256([]byte(token)), a.json(t)["token_sha256"])
	require.Equal(t, "user-alice", a.json(t)["subject"])
	require.NotContains(t, a.body, token)
}

func TestAPIEcho(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	tests := []struct {
		as, contentType string
		plain           bool // the token stands there as it is
		contains        string
	}{
		{"json", "application/json", true, `"Authorization":["Bearer ` + token},
		{"escaped", "application/json", false, strings.ReplaceAll(strings.Split(token, ".")[0], "_", `\u005f`)[:20]},
		{"percent", "text/plain; charset=utf-8", false, "%2E"},
		{"html", "text/html; charset=utf-8", true, `data-token="` + token + `"`},
		{"text", "text/plain; charset=utf-8", true, "token=" + token},
		{"binary", "application/octet-stream", true, "\xff\xfe" + token},
		{"base64", "text/plain; charset=utf-8", false, "dG9rZW49"},
		{"header", "application/json", false, `"as":"header"`},
		{"chunked", "text/plain; charset=utf-8", true, "before " + token + " after"},
	}
	for _, tt := range tests {
		t.Run(tt.as, func(t *testing.T) {
			a := rg.call(t, "/v1/echo?pause=0&as="+tt.as, token)
			require.Equal(t, http.StatusOK, a.status)
			require.Equal(t, tt.contentType, a.header.Get("Content-Type"))
			require.Contains(t, a.body, tt.contains)
			require.Equal(t, tt.plain, strings.Contains(a.body, token))
			if tt.as == "header" {
				require.Equal(t, "Bearer "+token, a.header.Get("X-Echo-Authorization"))
				require.Equal(t, token, a.header.Get("X-Echo-Token"))
				require.Contains(t, a.header.Get("Link"), token)
			}
		})
	}
	escaped := rg.call(t, "/v1/echo?as=escaped", token)
	require.Equal(t, token, escaped.json(t)["token"], "JSON decodes it to the token")
}

func TestAPIEchoReflectsBodies(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	tests := []struct {
		name, body string
		want       any
	}{
		{"text", "grüße", "grüße"},
		{"binary", "\xff\xfe", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.do(t, rg.browser, http.MethodPut, rg.api+"/v1/echo?a=b", strings.NewReader(tt.body), header{"Authorization": "Bearer " + token, "X-Mine": "y"})
			out := a.json(t)
			require.Equal(t, tt.want, out["body"])
			require.Equal(t, hexSHA256([]byte(tt.body)), out["body_sha256"])
			require.Equal(t, "PUT", out["method"])
			require.Equal(t, "a=b", out["query"])
			require.Equal(t, []any{"y"}, out["headers"].(map[string]any)["X-Mine"])
		})
	}
	large := rg.do(t, rg.browser, http.MethodPost, rg.api+"/v1/echo", bytes.NewReader(make([]byte, maxEcho+1)), header{"Authorization": "Bearer " + token})
	require.Equal(t, http.StatusBadRequest, large.status)
}

// Each half of the token arrives on its own.
func TestAPIEchoSplitsChunks(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	for _, split := range []int{0, 1, 17, len(token)} {
		request, err := http.NewRequest(http.MethodGet, rg.api+"/v1/echo?as=chunked&split="+strconv.Itoa(split), nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := rg.browser.Do(request)
		require.NoError(t, err)
		first := make([]byte, len("before ")+split)
		_, err = io.ReadFull(response.Body, first)
		require.NoError(t, err)
		require.Equal(t, "before "+token[:split], string(first))
		require.Equal(t, token[split:]+" after", read(t, response).body)
	}
}

func TestAPIPublic(t *testing.T) {
	rg := newRig(t)
	require.Equal(t, false, rg.get(t, rg.api+"/public/json", nil).json(t)["authorized"])
	require.Equal(t, true, rg.get(t, rg.api+"/public/json", header{"Authorization": "x"}).json(t)["authorized"])
	headers := rg.get(t, rg.api+"/public/echo", header{"X-Mine": "y"}).json(t)["headers"].(map[string]any)
	require.NotContains(t, headers, "Authorization")
	require.Contains(t, headers, "X-Mine")
	large := rg.do(t, rg.browser, http.MethodPost, rg.api+"/public/echo", bytes.NewReader(make([]byte, maxEcho+1)), nil)
	require.Equal(t, http.StatusBadRequest, large.status)
}

func TestAPIEvents(t *testing.T) {
	rg := newRig(t)
	a := rg.call(t, "/v1/sse?count=3&interval=1", rg.tokens(t).AccessToken)
	require.Equal(t, "text/event-stream", a.header.Get("Content-Type"))
	want := ""
	for _, n := range []string{"1", "2", "3"} {
		want += "id: " + n + "\nevent: tick\ndata: {\"n\":" + n + ",\"of\":3}\n\n"
	}
	require.Equal(t, want, a.body)
}

// The first event comes long before the second, and leaving ends the stream.
func TestAPIEventsStream(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	ctx, cancel := contextWithCancel(t)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rg.api+"/v1/sse?count=2&interval=60000", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := rg.browser.Do(request)
	require.NoError(t, err)
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "id: 1\n", line)
	cancel()
	require.NoError(t, response.Body.Close())
	require.True(t, rg.waitFor(t, func(r Request) bool { return r.Path == "/v1/sse" && r.Done }).Aborted)
}

func TestAPIDrop(t *testing.T) {
	rg := newRig(t)
	request, err := http.NewRequest(http.MethodGet, rg.api+"/v1/drop?after=100", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+rg.tokens(t).AccessToken)
	response, err := rg.browser.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, BinaryBody(100), body)
	require.NoError(t, response.Body.Close())
}

func TestAPIRedirect(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	for _, status := range []int{301, 302, 303, 307, 308} {
		a := rg.call(t, "/v1/redirect?to=https%3A%2F%2Fevil.example%2Fx&status="+strconv.Itoa(status), token)
		require.Equal(t, status, a.status)
		require.Equal(t, "https://evil.example/x", a.header.Get("Location"))
	}
	require.Equal(t, "/v1/json", rg.call(t, "/v1/redirect", token).header.Get("Location"))
}

func TestAPIStatusChallenge(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	require.Empty(t, rg.call(t, "/v1/status/401", token).header.Get("WWW-Authenticate"))
	require.Equal(t, `Bearer realm="devidp", error="invalid_token"`, rg.call(t, "/v1/status/401?error=invalid_token", token).header.Get("WWW-Authenticate"))
}

func TestAPIHeaders(t *testing.T) {
	rg := newRig(t)
	a := rg.call(t, "/v1/headers", rg.tokens(t).AccessToken)
	require.Equal(t, []string{"one", "two, with a comma", "three"}, a.header.Values("X-Repeated"))
	require.Len(t, a.header.Values("Link"), 2)
	require.Len(t, a.header.Values("Server-Timing"), 2)
}

func TestAPIUpload(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	tests := []struct {
		name, method, contentType string
		body                      []byte
	}{
		{"nothing", http.MethodPost, "", nil},
		{"binary", http.MethodPut, "application/octet-stream", BinaryBody(300000)},
		{"form", http.MethodPatch, "multipart/form-data; boundary=x", []byte("--x--")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg.ClearRequests()
			a := rg.do(t, rg.browser, tt.method, rg.api+"/v1/upload", bytes.NewReader(tt.body), header{"Authorization": "Bearer " + token, "Content-Type": tt.contentType})
			require.Equal(t, http.StatusOK, a.status, a.body)
			out := a.json(t)
			require.Equal(t, hexSHA256(tt.body), out["sha256"])
			require.EqualValues(t, len(tt.body), out["length"])
			require.Equal(t, tt.contentType, out["content_type"])
			logged := rg.waitFor(t, func(r Request) bool { return r.Done })
			require.Equal(t, hexSHA256(tt.body), logged.BodySHA256)
			require.EqualValues(t, len(tt.body), logged.BodyLength)
		})
	}
}

func TestAPIFile(t *testing.T) {
	rg := newRig(t)
	token := "Bearer " + rg.tokens(t).AccessToken
	whole := rg.get(t, rg.api+"/v1/file", header{"Authorization": token})
	etag := whole.header.Get("ETag")
	require.NotEmpty(t, etag)
	tests := []struct {
		name, header, value string
		status              int
		body                []byte
	}{
		{"same ETag", "If-None-Match", etag, 304, nil},
		{"other ETag", "If-None-Match", `"x"`, 200, FileBody()},
		{"not modified since", "If-Modified-Since", whole.header.Get("Last-Modified"), 304, nil},
		{"range", "Range", "bytes=10-19", 206, FileBody()[10:20]},
		{"last bytes", "Range", "bytes=-5", 206, FileBody()[fileSize-5:]},
		{"range beyond", "Range", "bytes=999999-", 416, []byte("invalid range: failed to overlap\n")},
		{"If-Match of another", "If-Match", `"x"`, 412, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.get(t, rg.api+"/v1/file", header{"Authorization": token, tt.header: tt.value})
			require.Equal(t, tt.status, a.status)
			require.Equal(t, string(tt.body), a.body)
		})
	}
}
