package main

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemoNamesTheFlagOfATakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)

	for _, flag := range []string{"--app-port", "--vault-port", "--auth-port", "--api-port"} {
		t.Run(flag, func(t *testing.T) {
			args := []string{"demo", "--app-port", "0", "--vault-port", "0", "--auth-port", "0", "--api-port", "0"}
			got := runCommand(t, append(args, flag, port)...)
			require.Equal(t, exitFailure, got.code)
			require.Contains(t, got.stderr, port)
			require.Contains(t, got.stderr, "choose another port with "+flag)
		})
	}
}
