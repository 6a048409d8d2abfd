package wasmbuild

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkout makes the smallest module that Build accepts and returns its root.
func checkout(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	write(tb, filepath.Join(root, "go.mod"), "module tokenvault\n\ngo 1.26.0\n")
	for _, pkg := range []string{InterceptorPackage, ProxyPackage, SignInPackage} {
		write(tb, filepath.Join(root, pkg, "main.go"),
			"package main\n\nfunc main() { println(\""+pkg+"\") }\n")
	}
	return root
}

func write(tb testing.TB, file, content string) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(tb, os.WriteFile(file, []byte(content), 0o644))
}

// goWithRoot makes a go tool that reports a GOROOT of the test's and otherwise
// is the real one.
func goWithRoot(tb testing.TB, goroot string) string {
	tb.Helper()
	real, err := exec.LookPath("go")
	require.NoError(tb, err)
	script := filepath.Join(tb.TempDir(), "go")
	write(tb, script, "#!/bin/sh\nif [ \"$1\" = env ]; then echo '"+goroot+"'; else exec '"+real+"' \"$@\"; fi\n")
	require.NoError(tb, os.Chmod(script, 0o755))
	return script
}

func TestBuildMakesAVerifiedPair(t *testing.T) {
	out, err := Build(t.Context(), Options{Source: checkout(t)})
	require.NoError(t, err)
	require.NoError(t, out.Verify())
	require.NotEqual(t, out.Interceptor, out.Proxy)
	require.NotEqual(t, out.Proxy, out.SignIn)
	require.Contains(t, string(out.WasmExec), "globalThis.Go")
	require.True(t, strings.HasPrefix(out.GoVersion, "go1."), out.GoVersion)
}

func TestBuildIsReproducible(t *testing.T) {
	one, err := Build(t.Context(), Options{Source: checkout(t)})
	require.NoError(t, err)

	t.Setenv("GOFLAGS", "-tags=other")
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOWORK", filepath.Join(t.TempDir(), "go.work"))
	elsewhere := checkout(t)
	two, err := Build(t.Context(), Options{Source: elsewhere})
	require.NoError(t, err)

	require.True(t, bytes.Equal(one.Interceptor, two.Interceptor), "interceptor differs by place or environment")
	require.True(t, bytes.Equal(one.Proxy, two.Proxy), "proxy differs by place or environment")
	require.True(t, bytes.Equal(one.SignIn, two.SignIn), "signin differs by place or environment")
	require.NotContains(t, string(two.Interceptor), elsewhere, "the binary names the building machine's path")
}

func TestBuildRefuses(t *testing.T) {
	complete := func(tb testing.TB, version string) string {
		goroot := tb.TempDir()
		write(tb, filepath.Join(goroot, "VERSION"), version+"\ntime 2026-01-01T00:00:00Z\n")
		write(tb, filepath.Join(goroot, "lib", "wasm", "wasm_exec.js"), "globalThis.Go = class {};\n")
		return goroot
	}
	tests := []struct {
		name    string
		options func(tb testing.TB) Options
		want    error
		says    string
	}{
		{
			name: "wasm_exec.js of another release than the compiler's",
			options: func(tb testing.TB) Options {
				return Options{Source: checkout(tb), Go: goWithRoot(tb, complete(tb, "go1.21.0"))}
			},
			want: ErrVersion, says: "wasm_exec.js belongs to go1.21.0",
		},
		{
			name: "a GOROOT that does not say its release",
			options: func(tb testing.TB) Options {
				goroot := complete(tb, "go1.26.0")
				require.NoError(tb, os.Remove(filepath.Join(goroot, "VERSION")))
				return Options{Source: checkout(tb), Go: goWithRoot(tb, goroot)}
			},
			want: ErrVersion, says: "VERSION",
		},
		{
			name: "a GOROOT without wasm_exec.js",
			options: func(tb testing.TB) Options {
				goroot := complete(tb, "go1.26.0")
				require.NoError(tb, os.RemoveAll(filepath.Join(goroot, "lib")))
				return Options{Source: checkout(tb), Go: goWithRoot(tb, goroot)}
			},
			want: ErrVersion, says: "incomplete",
		},
		{
			name: "no go tool",
			options: func(tb testing.TB) Options {
				return Options{Source: checkout(tb), Go: "go-that-is-not-installed"}
			},
			want: ErrNoGo, says: "install Go",
		},
		{
			name:    "no sources",
			options: func(tb testing.TB) Options { return Options{Source: tb.TempDir()} },
			want:    ErrNoSource, says: "--source",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Build(t.Context(), test.options(t))
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestBuildReportsTheCompiler(t *testing.T) {
	root := checkout(t)
	write(t, filepath.Join(root, ProxyPackage, "main.go"), "package main\n\nfunc main() { undefinedName() }\n")
	_, err := Build(t.Context(), Options{Source: root})
	require.ErrorContains(t, err, ProxyPackage)
	require.ErrorContains(t, err, "undefined: undefinedName")
}

func TestVerifyRefuses(t *testing.T) {
	module := func(version string) []byte { return producers("language", "Go", version) }
	good := func() *Output {
		return &Output{
			Interceptor: module("go1.26.8"), Proxy: module("go1.26.8"), SignIn: module("go1.26.8"),
			WasmExec: []byte("//"), GoVersion: "go1.26.8",
		}
	}
	require.NoError(t, good().Verify())

	tests := []struct {
		name string
		bend func(*Output)
		want error
	}{
		{"interceptor of another release", func(o *Output) { o.Interceptor = module("go1.26.7") }, ErrVersion},
		{"proxy of another release", func(o *Output) { o.Proxy = module("go1.27rc1") }, ErrVersion},
		{"signin of another release", func(o *Output) { o.SignIn = module("go1.27rc1") }, ErrVersion},
		{"wasm_exec.js of another release", func(o *Output) { o.GoVersion = "go1.26" }, ErrVersion},
		{"wasm_exec.js of unknown release", func(o *Output) { o.GoVersion = "" }, ErrVersion},
		{"no wasm_exec.js", func(o *Output) { o.WasmExec = nil }, ErrVersion},
		{"no interceptor", func(o *Output) { o.Interceptor = nil }, ErrNotGo},
		{"proxy made by another compiler", func(o *Output) { o.Proxy = producers("language", "Rust", "1.90") }, ErrNotGo},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := good()
			test.bend(out)
			require.ErrorIs(t, out.Verify(), test.want)
		})
	}
}
