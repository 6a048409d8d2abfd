package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoopbackAddress(t *testing.T) {
	for _, tc := range []struct{ name, address, want string }{
		{"a name below localhost", "auth.example.localhost:8082", "127.0.0.1:8082"},
		{"in capitals", "AUTH.Example.LOCALHOST:8082", "127.0.0.1:8082"},
		{"localhost itself is the resolver's", "localhost:80", "localhost:80"},
		{"another host", "auth.example.com:443", "auth.example.com:443"},
		{"a host that only contains it", "auth.localhost.example.com:443", "auth.localhost.example.com:443"},
		{"no port", "auth.example.localhost", "auth.example.localhost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Equal(t, tc.want, loopbackAddress(tc.address))
		})
	}
}

func TestDiscoveryClientReachesNamesBelowLocalhost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	response, err := discoveryClient().Get("http://" + net.JoinHostPort("auth.example.localhost", address.Port()))
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // nothing was written
	assert.Equal(t, http.StatusNoContent, response.StatusCode)
}
