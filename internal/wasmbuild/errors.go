package wasmbuild

import "errors"

// Errors that callers tell apart with [errors.Is]. Each wrapped error's text
// says what to do about it.
var (
	// ErrNoGo: there is no go tool to build with.
	ErrNoGo = errors.New("no go tool")
	// ErrNoSource: the module's sources are not where they were looked for.
	ErrNoSource = errors.New("no Token Vault sources")
	// ErrVersion: wasm_exec.js and the WebAssembly binaries do not come from
	// one and the same Go release, or it cannot be shown that they do.
	ErrVersion = errors.New("more than one Go release in a build")
	// ErrNotGo: the bytes are not a WebAssembly module made by Go.
	ErrNotGo = errors.New("not a WebAssembly module made by Go")
)
