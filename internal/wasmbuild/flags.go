package wasmbuild

import (
	"os"
	"strings"
)

// The packages of the binaries, relative to the root of the module.
const (
	InterceptorPackage = "./wasm/interceptor"
	ProxyPackage       = "./wasm/proxy"
	SignInPackage      = "./wasm/signin"
)

// buildArgs are the arguments of the go tool before "-o file package".
func buildArgs() []string {
	return []string{
		"build",
		// No path of the building machine in the binary: it is nobody's
		// business, and two checkouts would differ by it.
		"-trimpath",
		// No commit and no "modified" mark: an unrelated change of the
		// repository may not change the binary, and a build out of an
		// archive has no repository.
		"-buildvcs=false",
		// -s -w: no symbol table and no DWARF. Nothing reads them in a
		// browser, and they are a third of the file.
		// -buildid=: the identifier hashes inputs that do not reach the
		// code, among them the name of the output file.
		"-ldflags=-s -w -buildid=",
	}
}

// Env is the environment of every go command about the browser's binaries:
// base ([os.Environ] when nil) with all that decides the result set by us.
//
// GOWASM is cleared, not set: its features (satconv, signext) are always on
// since Go 1.26, and no others exist.
func Env(base []string) []string {
	if base == nil {
		base = os.Environ()
	}
	ours := []string{
		"GOOS=js",
		"GOARCH=wasm",
		// There is no C compiler for this target, and asking for one fails.
		"CGO_ENABLED=0",
		// The default, said aloud so that a GOFLAGS of the user, in the
		// environment or in go env -w, cannot add tags or flags.
		"GOFLAGS=-mod=readonly",
		// A workspace around the checkout could replace our dependencies.
		"GOWORK=off",
		"GOWASM=",
		"GOEXPERIMENT=",
	}
	env := make([]string, 0, len(base)+len(ours))
	for _, variable := range base {
		name, _, _ := strings.Cut(variable, "=")
		if !sets(ours, name) {
			env = append(env, variable)
		}
	}
	return append(env, ours...)
}

// sets reports whether one of the NAME=value pairs has this name.
func sets(pairs []string, name string) bool {
	for _, pair := range pairs {
		if have, _, _ := strings.Cut(pair, "="); have == name {
			return true
		}
	}
	return false
}
