package main

import (
	"context"
	"net"
	"net/http"
	"strings"
)

// discoveryClient is the HTTP client of discovery. Browsers take every name
// below "localhost" to loopback (RFC 6761 §6.3) while some resolvers do not know
// these names, so it does as browsers do.
func discoveryClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	dialer := &net.Dialer{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, loopbackAddress(address))
	}
	return &http.Client{Transport: transport}
}

// loopbackAddress replaces a host below "localhost" by the loopback address.
func loopbackAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}
