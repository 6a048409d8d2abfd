package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// commandLimit is how long a command may take that compiles the binaries.
const commandLimit = 2 * time.Minute

// compileCommand makes the program under test, once.
var compileCommand = sync.OnceValues(func() (file string, err error) {
	file = filepath.Join(scratch, "tokenvault")
	output, err := exec.Command("go", "build", "-trimpath", "-o", file, "../cmd/tokenvault").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, output)
	}
	return file, err
})

// command is the program under test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := compileCommand()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	t.Cleanup(cancel)
	run := exec.CommandContext(ctx, binary, args...)
	run.Dir = ".." // of the checkout
	return run
}

// output collects what a running command prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // has an element when there is something new
}

func newOutput() *output { return &output{more: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// running is a command that serves.
type running struct {
	t              *testing.T
	run            *exec.Cmd
	stdout, stderr *output
	ended          chan struct{} // closed after the end, when err is set
	err            error
}

// launch starts a command and waits until it prints a text.
func launch(t *testing.T, run *exec.Cmd, until string) *running {
	t.Helper()
	r := &running{t: t, run: run, stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{})}
	run.Stdout, run.Stderr = r.stdout, r.stderr
	require.NoError(t, run.Start())
	go func() {
		r.err = run.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		if err := run.Process.Kill(); err == nil {
			<-r.ended
		}
	})
	for !strings.Contains(r.stdout.String(), until) {
		select {
		case <-r.stdout.more:
		case <-r.ended:
			require.Failf(t, "the command ended", "%v\n%s%s", r.err, r.stdout, r.stderr)
		}
	}
	return r
}

// printed is the URL that the command printed behind a label.
func (r *running) printed(label string) string {
	r.t.Helper()
	found := regexp.MustCompile(`(?m)^ *` + label + ` +(http://\S+)`).FindStringSubmatch(r.stdout.String())
	require.Len(r.t, found, 2, "%s: %s", label, r.stdout)
	return found[1]
}

// interrupt is Ctrl-C. The command has to end well, and soon.
func (r *running) interrupt() {
	r.t.Helper()
	require.NoError(r.t, r.run.Process.Signal(os.Interrupt))
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.Fail(r.t, "the command does not stop on Ctrl-C", "%s%s", r.stdout, r.stderr)
	}
	assert.NoError(r.t, r.err, "%s%s", r.stdout, r.stderr)
	assert.Empty(r.t, r.stderr.String())
}

// refusesConnections fails the test if somebody still listens.
func refusesConnections(t testing.TB, origin string) {
	t.Helper()
	response, err := loopback(t).Get(origin)
	if err == nil {
		bodyOf(t, response)
	}
	assert.Error(t, err, "%s is still served", origin)
}

func TestCommandDemoRunsUntilCtrlC(t *testing.T) {
	t.Parallel()
	r := launch(t, command(t, "demo", "--app-port", "0", "--vault-port", "0", "--auth-port", "0", "--api-port", "0"), "Ctrl-C stops.")
	s := watched(t, &demo.Demo{
		AppURL: r.printed("Open"), VaultURL: r.printed("vault"), AuthURL: r.printed("authorization server"), APIURL: r.printed("API"),
		Account: devidp.DefaultAccount(),
	})
	assert.Equal(t, s.AppURL, r.printed("app"))
	assert.Contains(t, r.stdout.String(), "Sign in  "+s.Account.Username+" / "+s.Account.Password)

	p := s.openDemo()
	s.signInOnDemo(p)
	p.until(`document.querySelectorAll("#app-received mark").length === 2`)
	p.until(`/[0-9a-f]{64}/.test(document.querySelector("#api-received").textContent)`)

	// Also while somebody reads a stream that never ends.
	eval[any](p, `window.reader = (await fetch(`+js(s.APIURL+"/v1/sse?count=100&interval=60000")+`)).body.getReader(); await reader.read()`)
	r.interrupt()
	for _, origin := range []string{s.AppURL, s.VaultURL, s.AuthURL, s.APIURL} {
		refusesConnections(t, origin)
	}
}

func TestCommandDemoNamesTheFlagOfATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // the test ends
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	run := command(t, "demo", "--app-port", "0", "--vault-port", port, "--auth-port", "0", "--api-port", "0")
	var stderr bytes.Buffer
	run.Stderr = &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, run.Run(), &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, stderr.String(), port)
	assert.Contains(t, stderr.String(), "address already in use")
	assert.Contains(t, stderr.String(), "--vault-port")
}

// freePort is a port that was free a moment ago, and that no other test gets.
func freePort(t testing.TB) string {
	t.Helper()
	for {
		port := fmt.Sprint(lastPort.Add(1))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // another program has it
		}
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		return port
	}
}

func TestCommandBuildsAndServesAnAppAndItsVault(t *testing.T) {
	t.Parallel()
	appPort, vaultPort := freePort(t), freePort(t)
	app, vault := "http://app.example.localhost:"+appPort, "http://vault.example.localhost:"+vaultPort
	// An authorization server and an API that know this app.
	servers := newSite(t, func(o *demo.Options) {
		o.AuthServer = func(o *devidp.Options) {
			o.AllowOrigins = append(o.AllowOrigins, vault)
			o.Clients[0].RedirectURIs = append(o.Clients[0].RedirectURIs, app+"/")
		}
	})
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	file := write("tokenvault.json", `{
		"app": { "origin": `+js(app)+` }, "vault": { "origin": `+js(vault)+` },
		"clients": [{
			"name": "main", "clientId": "demo-app", "issuer": `+js(servers.AuthURL)+`,
			"endpoints": { "token": `+js(servers.AuthURL+"/token")+`, "revocation": `+js(servers.AuthURL+"/revoke")+` },
			"resources": [{ "url": `+js(servers.APIURL+"/v1/*")+` }]
		}]
	}`)
	write("app/index.html", `<!doctype html><html lang="en"><title>An app</title><link rel="icon" href="data:,"><script src="/tokenvault.js"></script><h1>Hello</h1>`)
	dist := filepath.Join(folder, "dist")

	built, err := command(t, "build", "--config", file, "--out", dist, "--fast").CombinedOutput()
	require.NoError(t, err, string(built))
	assert.Contains(t, string(built), `<script src="/tokenvault.js"></script>`)

	r := launch(t, command(t, "serve", "--config", file, "--dist", dist, "--app", filepath.Join(folder, "app"),
		"--addr", "127.0.0.1:"+vaultPort, "--app-addr", "127.0.0.1:"+appPort), "Ctrl-C stops.")
	s := watched(t, &demo.Demo{
		AppURL: app, VaultURL: vault, AuthURL: servers.AuthURL, APIURL: servers.APIURL,
		IDP: servers.IDP, Account: servers.Account,
	})
	p := s.open("/")
	s.signInFrom(p, demo.MainClient)
	got := s.callerAt(p, demo.MainClient)
	assert.Equal(t, http.StatusOK, got.Status)
	assert.Equal(t, hash(s.token(devidp.AccessToken)), got.Body.Token)
	assert.Equal(t, "Hello", p.text("h1"), "the app's own page")
	assert.Empty(t, p.Console())
	s.canary(p)
	s.answersAsAVaultShould(t)

	r.interrupt()
	refusesConnections(t, app)
	refusesConnections(t, vault)
}

// answersAsAVaultShould checks the headers of the vault's origin.
func (s *site) answersAsAVaultShould(t *testing.T) {
	t.Helper()
	web := loopback(t)
	frame := loopbackGet(t, web, s.VaultURL+"/proxy.html")
	html := bodyOf(t, frame)
	assert.Equal(t, http.StatusOK, frame.StatusCode)
	policy := strings.Split(frame.Header.Get("Content-Security-Policy"), "; ")
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "frame-ancestors " + s.AppURL,
		"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	} {
		assert.Contains(t, policy, directive)
	}
	for _, directive := range policy {
		if sources, ok := strings.CutPrefix(directive, "connect-src "); ok {
			assert.ElementsMatch(t, []string{"'self'", s.AuthURL, s.APIURL}, strings.Fields(sources))
		}
	}
	for name, value := range map[string]string{
		"Origin-Agent-Cluster":         "?1",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Resource-Policy": "same-site",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"Cache-Control":                "no-store",
		"Strict-Transport-Security":    "", // https only
	} {
		assert.Equal(t, value, frame.Header.Get(name), name)
	}
	for name := range frame.Header {
		assert.False(t, strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie", name)
	}

	wasm := regexp.MustCompile(`src="(/proxy\.[^"]+\.js)"`).FindStringSubmatch(html)
	require.Len(t, wasm, 2, html)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.VaultURL+wasm[1], nil)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "br")
	script, err := web.Do(request)
	require.NoError(t, err)
	bodyOf(t, script)
	assert.Equal(t, "br", script.Header.Get("Content-Encoding"))
	assert.Equal(t, "text/javascript; charset=utf-8", script.Header.Get("Content-Type"))
	assert.Contains(t, script.Header.Get("Cache-Control"), "immutable")
	require.NotEmpty(t, script.Header.Get("ETag"))
	request.Header.Set("If-None-Match", script.Header.Get("ETag"))
	again, err := web.Do(request)
	require.NoError(t, err)
	bodyOf(t, again)
	assert.Equal(t, http.StatusNotModified, again.StatusCode)

	health := loopbackGet(t, web, s.VaultURL+"/healthz")
	bodyOf(t, health)
	assert.Equal(t, http.StatusOK, health.StatusCode)
	other := loopbackGet(t, web, strings.Replace(s.VaultURL, "vault.", "other.", 1)+"/proxy.html")
	bodyOf(t, other)
	assert.Equal(t, http.StatusMisdirectedRequest, other.StatusCode)
}
