// Package wasmbuild compiles the interceptor and the proxy to WebAssembly. It
// is the single place that knows how: every build flag stands here once, with
// its reason, and the command, the size budgets and the browser tests all come
// through it, so that what is measured and tested is what ships.
//
// Go's support code in JavaScript (wasm_exec.js) and the compiled program share
// a private ABI that changes between Go releases without notice. A pair out of
// two releases may start and then misbehave, so a pair is only handed out when
// it is proved to be one:
//
//   - wasm_exec.js is read from the GOROOT that the compiling go tool itself
//     reports, never from a copy in the repository;
//   - that GOROOT's VERSION file must name the release that the linker wrote
//     into the "producers" section of both binaries (the WebAssembly tool
//     convention, https://github.com/WebAssembly/tool-conventions).
//
// The package trusts the go tool it is given and the module's own sources. It
// refuses settings of the environment that would change the result: two people
// who build one commit with one Go release get the same bytes.
package wasmbuild
