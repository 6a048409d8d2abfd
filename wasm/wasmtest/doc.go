// Package wasmtest runs the tests of the glue in the place the glue is for: a
// page in Chromium. It holds nothing but tests.
//
// Each package under wasm/ that has tests for js/wasm is compiled to a test
// binary and run in a tab of its own, at an origin like the vault's
// (app.example.localhost, a secure context) and under a policy like the vault's:
// no eval, Trusted Types enforced. What the binary prints becomes the log of the
// native test. Besides a failing test, these fail a package: no test that ran, a
// skipped test, an uncaught exception or rejection, and a call to a callback
// that was released already.
//
//	go test ./wasm/wasmtest
//	go test ./wasm/wasmtest -run 'TestGlue/wasm/idb' -v
//
// Package internal/chromium finds the browser. Without one the test fails.
package wasmtest
