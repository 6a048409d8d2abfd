//go:build !js

package wasmtest

import (
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// perPackage is how long one package may take, the start of its tab included.
const perPackage = 2 * time.Minute

func TestGlue(t *testing.T) {
	packages := packagesWithTests(t)
	require.NotEmpty(t, packages, "no package under wasm/ has tests for js/wasm")
	readSources(t, packages)
	binaries := t.TempDir()
	base := serve(t, binaries)
	browser := startBrowser(t)
	limitStorage(t, browser, base)

	for _, pkg := range packages {
		t.Run(strings.TrimPrefix(pkg, "tokenvault/"), func(t *testing.T) {
			name := strings.ReplaceAll(pkg, "/", "-") + ".test.wasm"
			compile(t, pkg, filepath.Join(binaries, name))
			script := runOnPage(t, browser, base+"/run?binary="+url.QueryEscape(name))
			for _, fault := range script.faults() {
				t.Error(fault)
			}
		})
	}
}

// The runner has to notice what only the browser sees. These pages run no Go.
func TestRunnerNotices(t *testing.T) {
	base := serve(t, t.TempDir())
	browser := startBrowser(t)
	tests := map[string]struct {
		page  string
		fault string
	}{
		"a rejection that nobody handles": {"/control/rejection", "uncaught: "},
		"an exception":                    {"/control/exception", "uncaught: "},
		"a released callback":             {"/control/released", "call to released function"},
		"no test":                         {"/control/nothing", "no test ran"},
		"a binary that is missing":        {"/run?binary=missing.wasm", "exit code 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := runOnPage(t, browser, base+test.page)
			require.Contains(t, strings.Join(script.faults(), "\n"), test.fault)
		})
	}
}

// packagesWithTests lists the packages under wasm/ that have tests for js/wasm.
func packagesWithTests(t testing.TB) []string {
	t.Helper()
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}"
	return strings.Fields(goTool(t, "list", "-f", format, "tokenvault/wasm/..."))
}

// readSources reads the directories that the test binaries are made of. The go
// command keeps the result of a test until a file changes that the test itself
// has opened; it does not see what the commands below open, and without this
// would repeat an old result for new glue.
func readSources(t testing.TB, packages []string) {
	t.Helper()
	const format = "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}"
	dirs := strings.Fields(goTool(t, append([]string{"list", "-deps", "-test", "-f", format}, packages...)...))
	require.NotEmpty(t, dirs)
	for _, dir := range append(dirs, "..", filepath.Join("..", "..")) {
		_, err := os.ReadDir(dir)
		require.NoError(t, err)
	}
}

// compile builds the test binary of a package.
func compile(t testing.TB, pkg, file string) {
	t.Helper()
	goTool(t, "test", "-c", "-o", file, pkg)
	_, err := os.Stat(file)
	require.NoError(t, err)
}

// goTool runs the go command for js/wasm and returns what it prints.
func goTool(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	var diagnosis strings.Builder
	command.Stderr = &diagnosis
	output, err := command.Output()
	require.NoError(t, err, "go %s\n%s", strings.Join(args, " "), diagnosis.String())
	return string(output)
}

// serve starts the server and returns the origin that pages are to be run at.
func serve(t testing.TB, binaries string) string {
	t.Helper()
	runtime := filepath.Join(strings.TrimSpace(goTool(t, "env", "GOROOT")), "lib", "wasm", "wasm_exec.js")
	server := httptest.NewServer(newHandler(binaries, runtime))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return "http://app.example.localhost:" + address.Port()
}
