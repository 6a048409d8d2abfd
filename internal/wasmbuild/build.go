package wasmbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Options of [Build]. The zero value builds the checkout around the working
// directory with the go tool in PATH.
type Options struct {
	// Source is the root of the module's sources. Empty: [FindSource] from
	// the working directory.
	Source string
	// Go is the go tool, a name in PATH or a path. Empty: "go".
	Go string
}

// Output is what one go tool made: the binaries, and the support code of the same
// release.
type Output struct {
	Interceptor []byte
	Proxy       []byte
	SignIn      []byte
	WasmExec    []byte // lib/wasm/wasm_exec.js
	GoVersion   string // the release WasmExec belongs to, such as "go1.26.8"
}

// Verify returns an error unless all binaries carry the release of WasmExec.
func (o *Output) Verify() error {
	if len(o.WasmExec) == 0 || o.GoVersion == "" {
		return fmt.Errorf("%w: there is no wasm_exec.js with a known release", ErrVersion)
	}
	for _, binary := range []struct {
		name string
		wasm []byte
	}{{"interceptor.wasm", o.Interceptor}, {"proxy.wasm", o.Proxy}, {"signin.wasm", o.SignIn}} {
		version, err := GoVersion(binary.wasm)
		if err != nil {
			return fmt.Errorf("%s: %w", binary.name, err)
		}
		if version != o.GoVersion {
			return fmt.Errorf("%w: %s was made by %s, wasm_exec.js belongs to %s; build all with one toolchain (is GOROOT set to another one?)",
				ErrVersion, binary.name, version, o.GoVersion)
		}
	}
	return nil
}

// Build compiles all binaries and returns them with their support code. The
// result is verified.
func Build(ctx context.Context, options Options) (*Output, error) {
	tool, err := open(ctx, options)
	if err != nil {
		return nil, err
	}
	out := &Output{}
	if out.WasmExec, out.GoVersion, err = tool.support(); err != nil {
		return nil, err
	}
	if out.Interceptor, err = tool.compile(ctx, InterceptorPackage); err != nil {
		return nil, err
	}
	if out.Proxy, err = tool.compile(ctx, ProxyPackage); err != nil {
		return nil, err
	}
	if out.SignIn, err = tool.compile(ctx, SignInPackage); err != nil {
		return nil, err
	}
	return out, out.Verify()
}

// toolchain is a go tool, seen from the root of the sources: the go.mod there
// may make the tool switch to another release.
type toolchain struct {
	goTool string
	source string
	goroot string
}

func open(ctx context.Context, options Options) (*toolchain, error) {
	source, err := FindSource(options.Source)
	if err != nil {
		return nil, err
	}
	name := options.Go
	if name == "" {
		name = "go"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; install Go 1.26 or newer, or put it into PATH", ErrNoGo, err)
	}
	tool := &toolchain{goTool: path, source: source}
	goroot, err := tool.run(ctx, "env", "GOROOT")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGo, err)
	}
	tool.goroot = strings.TrimSpace(string(goroot))
	return tool, nil
}

// support returns wasm_exec.js and the release it belongs to.
func (t *toolchain) support() (wasmExec []byte, version string, err error) {
	stated, err := os.ReadFile(filepath.Join(t.goroot, "VERSION"))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w; without the file it cannot be told which release wasm_exec.js belongs to: use a released Go", ErrVersion, err)
	}
	wasmExec, err = os.ReadFile(filepath.Join(t.goroot, "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w; the Go installation is incomplete, install all of it", ErrVersion, err)
	}
	return wasmExec, release(string(stated)), nil
}

// compile builds one main package and returns the binary.
func (t *toolchain) compile(ctx context.Context, pkg string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "tokenvault-wasm-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	file := filepath.Join(dir, "out.wasm")
	if _, err := t.run(ctx, append(buildArgs(), "-o", file, pkg)...); err != nil {
		return nil, fmt.Errorf("build of %s: %w", pkg, err)
	}
	return os.ReadFile(file)
}

// run runs the go tool for the browser's target and returns its output; an
// error carries what the tool had to say.
func (t *toolchain) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, t.goTool, args...)
	cmd.Dir, cmd.Env = t.source, Env(nil)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", t.goTool, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}
