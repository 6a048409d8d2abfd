package static

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnswersOfTheServerItselfKeepTheVaultApart(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{
		MaxHeaderBytes: 1 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Handler", "yes")
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK"+string(ownHead))
		}),
	}
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	go func() { _ = server.Serve(VaultListener(listener)) }() // ends with Close

	for name, tc := range map[string]struct {
		request string
		status  int
		body    string
	}{
		"a path that cannot be read": {"GET /%zz HTTP/1.1\r\nHost: vault\r\n\r\n", 400, "400 Bad Request"},
		"no host":                    {"GET / HTTP/1.1\r\n\r\n", 400, "400 Bad Request: missing required Host header"},
		"a head that is too large":   {"GET /" + strings.Repeat("a", 8<<10) + " HTTP/1.1\r\nHost: vault\r\n\r\n", 431, "431 Request Header Fields Too Large"},
		"a version of its own":       {"GET / HTTP/9.1\r\nHost: vault\r\n\r\n", 505, "505 HTTP Version Not Supported: unsupported protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := exchange(t, listener.Addr().String(), tc.request)
			assert.Equal(t, tc.status, answer.StatusCode)
			assert.Equal(t, []string{"?1"}, answer.Header.Values("Origin-Agent-Cluster"))
			assert.Equal(t, tc.body, body)
		})
	}
	t.Run("answers of a handler are as it made them", func(t *testing.T) {
		answer, body := exchange(t, listener.Addr().String(), "GET / HTTP/1.1\r\nHost: vault\r\nConnection: close\r\n\r\n")
		assert.Equal(t, "yes", answer.Header.Get("X-Handler"))
		assert.Empty(t, answer.Header.Values("Origin-Agent-Cluster"))
		assert.Equal(t, "HTTP/1.1 200 OK"+string(ownHead), body)
	})
}

// exchange sends a request as it is written.
func exchange(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}
