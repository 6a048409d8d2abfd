package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/wasmbuild"
)

// sources makes a module with binaries that do nothing, to build from quickly.
func sources(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module tokenvault\n\ngo 1.26.0\n",
		wasmbuild.InterceptorPackage + "/main.go":  "package main\n\nfunc main() {}\n",
		wasmbuild.ProxyPackage + "/main.go":        "package main\n\nfunc main() { select {} }\n",
		wasmbuild.SignInPackage + "/main.go":       "package main\n\nfunc main() { select {} }\n",
		"a/place/below/the/root/that/has/no/go.go": "package no\n",
	} {
		file := filepath.Join(root, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(tb, os.WriteFile(file, []byte(text), 0o644))
	}
	return root
}

// buildDist runs the build command and returns configuration and folder.
func buildDist(tb testing.TB) (config, dist string) {
	tb.Helper()
	config, dist = configuration(tb, validConfiguration), filepath.Join(tb.TempDir(), "dist")
	source := filepath.Join(sources(tb), "a", "place")
	got := runCommand(tb, "build", "--config", config, "--out", dist, "--source", source, "--fast")
	require.Equal(tb, exitOK, got.code, got.stderr)
	require.Contains(tb, got.stdout, dist+"/vault")
	require.Contains(tb, got.stdout, `<script src="/tokenvault.js"></script>`)
	return config, dist
}

func TestBuildNamesWhatToRegister(t *testing.T) {
	run := func(text string) string {
		got := runCommand(t, "build", "--config", configuration(t, text), "--out", filepath.Join(t.TempDir(), "dist"), "--source", sources(t), "--fast")
		require.Equal(t, exitOK, got.code, got.stderr)
		return got.stdout
	}
	require.NotContains(t, run(validConfiguration), "register")
	require.Contains(t, run(signInConfiguration()), `
For the clients that the vault signs in, register at the authorization server, and no URL of the app:

  redirect URI              https://vault.example.com/callback.html
  post-logout redirect URI  https://vault.example.com/signed-out.html
  front-channel logout URI  https://vault.example.com/frontchannel-logout.html
`)
}

func TestBuildRefuses(t *testing.T) {
	config := configuration(t, validConfiguration)
	t.Run("no sources", func(t *testing.T) {
		got := runCommand(t, "build", "--config", config, "--out", filepath.Join(t.TempDir(), "dist"), "--source", t.TempDir())
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, "--source")
	})
	t.Run("a folder of something else", func(t *testing.T) {
		out := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(out, "notes.txt"), nil, 0o644))
		got := runCommand(t, "build", "--config", config, "--out", out, "--source", sources(t), "--fast")
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, out)
		require.FileExists(t, filepath.Join(out, "notes.txt"))
	})
}

// serving runs the serve command until stop, which returns what it left.
func serving(tb testing.TB, args ...string) (addresses map[string]string, stop func() result) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	tb.Cleanup(cancel)
	reader, writer := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan int, 1)
	go func() {
		code := run(ctx, append([]string{"serve"}, args...), writer, &stderr)
		writer.Close() // of a pipe: never fails
		done <- code
	}()
	addresses = map[string]string{}
	lines := bufio.NewScanner(reader)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
		match := regexp.MustCompile(`^(\w+) .* at http://(\S+)$`).FindStringSubmatch(lines.Text())
		require.NotNil(tb, match, lines.Text())
		addresses[match[1]] = match[2]
	}
	return addresses, func() result {
		cancel()
		return result{code: <-done, stderr: stderr.String()}
	}
}

// get asks a server for a file, as the given host.
func get(tb testing.TB, address, path, host string) (*http.Response, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+address+path, nil)
	require.NoError(tb, err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	require.NoError(tb, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return response, string(body)
}

func TestServe(t *testing.T) {
	config, dist := buildDist(t)
	app := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(app, "index.html"), []byte("the app"), 0o644))
	outside := filepath.Join(t.TempDir(), "outside.txt")
	require.NoError(t, os.WriteFile(outside, []byte("outside"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(app, "link.txt")))

	addresses, stop := serving(t, "--config", config, "--dist", dist, "--app", app, "--addr", "127.0.0.1:0", "--app-addr", "127.0.0.1:0")
	require.Len(t, addresses, 2)

	response, body := get(t, addresses["vault"], "/proxy.html", "vault.example.com")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, body, "integrity=")
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "frame-ancestors https://app.example.com")
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "https://api.example.com")

	response, _ = get(t, addresses["vault"], "/proxy.html", addresses["vault"])
	require.Equal(t, http.StatusMisdirectedRequest, response.StatusCode)
	response, _ = get(t, addresses["vault"], "/healthz", addresses["vault"])
	require.Equal(t, http.StatusOK, response.StatusCode)

	_, body = get(t, addresses["app"], "/", "app.example.com")
	require.Equal(t, "the app", body)
	response, body = get(t, addresses["app"], "/interceptor.js", "app.example.com")
	require.Contains(t, body, "importScripts(")
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "'wasm-unsafe-eval'")
	response, body = get(t, addresses["app"], "/link.txt", "app.example.com")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.NotContains(t, body, "outside")

	t.Run("a taken address", func(t *testing.T) {
		got := runCommand(t, "serve", "--config", config, "--dist", dist, "--addr", addresses["vault"])
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, addresses["vault"])
		require.Contains(t, got.stderr, "--addr")

		got = runCommand(t, "serve", "--config", config, "--dist", dist, "--app", app, "--addr", "127.0.0.1:0", "--app-addr", addresses["app"])
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, "--app-addr")
	})
	t.Run("an app that is not there", func(t *testing.T) {
		got := runCommand(t, "serve", "--config", config, "--dist", dist, "--app", filepath.Join(app, "none"))
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, "--app")
	})
	t.Run("a build for another configuration", func(t *testing.T) {
		other := configuration(t, strings.Replace(validConfiguration, "/v1/*", "/v2/*", 1))
		got := runCommand(t, "serve", "--config", other, "--dist", dist)
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, "tokenvault build")
	})
	t.Run("no build", func(t *testing.T) {
		got := runCommand(t, "serve", "--config", config, "--dist", t.TempDir())
		require.Equal(t, exitFailure, got.code)
		require.Contains(t, got.stderr, "tokenvault build")
	})

	require.Equal(t, result{code: exitOK}, stop(), "a signal is no failure")
}

func TestServeLetsAnswersFinish(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		io.WriteString(w, "complete") // the test reads it
	})
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- serveSites(ctx, writer, []*site{{what: "vault", addr: "127.0.0.1:0", handler: slow}})
		writer.Close() // of a pipe: never fails
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, reader)

	_, address, _ := strings.Cut(strings.TrimSpace(line), "http://")
	answered := make(chan string, 1)
	go func() {
		_, body := get(t, address, "/", "vault")
		answered <- body
	}()
	<-asked
	cancel()
	// The stop has begun when nobody is let in any more.
	for {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		require.NoError(t, connection.Close())
	}
	close(release)
	require.Equal(t, "complete", <-answered)
	require.NoError(t, <-done)
}
