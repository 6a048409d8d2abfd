package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// result is what one run of the command left.
type result struct {
	code           int
	stdout, stderr string
}

func runCommand(tb testing.TB, args ...string) result {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	code := run(tb.Context(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// configuration writes a tokenvault.json and returns its path.
func configuration(tb testing.TB, text string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "tokenvault.json")
	require.NoError(tb, os.WriteFile(file, []byte(text), 0o644))
	return file
}

const validConfiguration = `{
  "app":   { "origin": "https://app.example.com" },
  "vault": { "origin": "https://vault.example.com" },
  "clients": [{
    "name": "main", "clientId": "spa",
    "endpoints": { "token": "https://auth.example.com/token" },
    "resources": [{ "url": "https://api.example.com/v1/*", "methods": ["GET"] }]
  }]
}`

// signInConfiguration is validConfiguration with a sign-in by the vault.
func signInConfiguration() string {
	return strings.Replace(validConfiguration, `"endpoints": { "token": "https://auth.example.com/token" }`,
		`"issuer": "https://auth.example.com", "signIn": "vault", "endpoints": { "token": "https://auth.example.com/token",
	  "authorization": "https://auth.example.com/authorize", "jwks": "https://auth.example.com/jwks" }`, 1)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"help"}} {
		got := runCommand(t, args...)
		require.Equal(t, exitOK, got.code)
		require.Empty(t, got.stderr)
		for _, command := range commands {
			require.Contains(t, got.stdout, "tokenvault "+command.name)
		}
		require.Contains(t, got.stdout, "Exit codes: 0 done, 1 failed, 2 the command line is wrong.")
	}
	got := runCommand(t)
	require.Equal(t, exitUsage, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "Usage:")
}

func TestEachCommandExplainsItself(t *testing.T) {
	for _, command := range commands {
		t.Run(command.name, func(t *testing.T) {
			got := runCommand(t, command.name, "-h")
			require.Equal(t, exitOK, got.code)
			require.Empty(t, got.stderr)
			require.Contains(t, got.stdout, "Usage: tokenvault "+command.name)
			require.Contains(t, got.stdout, "Examples:\n\n    ")
			require.Contains(t, got.stdout, "Exit codes:")
		})
	}
}

func TestWrongCommandLines(t *testing.T) {
	tests := []struct {
		name string
		args []string
		says string
	}{
		{"unknown command", []string{"audit"}, `there is no command "audit"; see tokenvault -h`},
		{"unknown flag", []string{"check", "--verbose"}, "flag provided but not defined: -verbose"},
		{"flag without its value", []string{"build", "--out"}, "flag needs an argument"},
		{"argument too many", []string{"serve", "dist"}, `unexpected argument "dist"`},
		{"port that is no number", []string{"demo", "--app-port", "http"}, "app-port"},
		{"port that is too high", []string{"demo", "--api-port", "65536"}, "--api-port 65536: the highest port is 65535"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runCommand(t, test.args...)
			require.Equal(t, exitUsage, got.code)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, test.says)
			require.Contains(t, got.stderr, "-h")
		})
	}
}

func TestVersion(t *testing.T) {
	got := runCommand(t, "version")
	require.Equal(t, exitOK, got.code)
	require.Regexp(t, `^tokenvault \S+, protocol \d+, go\S+.*\n$`, got.stdout)
}

func TestCheck(t *testing.T) {
	got := runCommand(t, "check", "--config", configuration(t, validConfiguration))
	require.Equal(t, exitOK, got.code, got.stderr)
	for _, line := range []string{
		"is valid", "app    https://app.example.com", "vault  https://vault.example.com", "client main (spa)",
		"https://auth.example.com/token", "https://api.example.com/v1/*  GET",
	} {
		require.Contains(t, got.stdout, line)
	}
	require.NotContains(t, got.stdout, "redirects", "none are named")
}

func TestCheckNamesRedirectOrigins(t *testing.T) {
	got := runCommand(t, "check", "--config", configuration(t, strings.Replace(validConfiguration, `"clients"`,
		`"redirectOrigins": ["https://storage.example.net", "https://cdn.example.net"], "clients"`, 1)))
	require.Equal(t, exitOK, got.code, got.stderr)
	require.Contains(t, got.stdout,
		"redirects may also lead, without a token, to\n    https://storage.example.net\n    https://cdn.example.net\n")
}

func TestCheckNamesWhatToRegister(t *testing.T) {
	undiscovered := strings.Replace(validConfiguration,
		`"endpoints": { "token": "https://auth.example.com/token" }`, `"issuer": "https://auth.example.com", "signIn": "vault"`, 1)
	for _, text := range []string{signInConfiguration(), undiscovered} {
		got := runCommand(t, "check", "--config", configuration(t, text))
		require.Equal(t, exitOK, got.code, got.stderr)
		for _, line := range []string{
			"redirect URI              https://vault.example.com/callback.html\n",
			"post-logout redirect URI  https://vault.example.com/signed-out.html\n",
			"front-channel logout URI  https://vault.example.com/frontchannel-logout.html\n",
		} {
			require.Contains(t, got.stdout, line)
		}
	}
	require.NotContains(t, runCommand(t, "check", "--config", configuration(t, validConfiguration)).stdout, "register")
}

func TestCheckNamesEveryFault(t *testing.T) {
	got := runCommand(t, "check", "--config", configuration(t, `{
	  "app": { "origin": "http://app.example.com" }, "vault": { "origin": "https://vault.example.com" }, "colour": "red",
	  "clients": [{ "name": "main", "clientId": "spa", "endpoints": { "token": "https://auth.example.com/token" },
	    "resources": [{ "url": "/v1/*" }] }]
	}`))
	require.Equal(t, exitFailure, got.code)
	require.Empty(t, got.stdout)
	for _, key := range []string{"app.origin", "colour", "clients[0].resources[0].url"} {
		require.Contains(t, got.stderr, key)
	}
}

func TestCommandsNameAMissingConfiguration(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.json")
	for _, command := range []string{"build", "serve", "check"} {
		t.Run(command, func(t *testing.T) {
			got := runCommand(t, command, "--config", missing)
			require.Equal(t, exitFailure, got.code)
			require.Contains(t, got.stderr, "tokenvault "+command+": ")
			require.Contains(t, got.stderr, missing)
		})
	}
}

func TestDiscoveryStopsWithTheCommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := configuration(t, `{
	  "app": { "origin": "https://app.example.com" }, "vault": { "origin": "https://vault.example.com" },
	  "clients": [{ "name": "main", "clientId": "spa", "issuer": "https://auth.example.com",
	    "resources": [{ "url": "https://api.example.com/v1/*" }] }]
	}`)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailure, run(ctx, []string{"check", "--discover", "--config", file}, &stdout, &stderr))
	require.Contains(t, stderr.String(), context.Canceled.Error())

	got := runCommand(t, "check", "--config", file)
	require.Equal(t, exitOK, got.code, "without --discover nobody is asked")
	require.Contains(t, got.stdout, "by discovery from https://auth.example.com")
}
