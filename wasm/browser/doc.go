// Package browser is the ground floor of the glue between Go and the web
// platform: waiting for promises, turning JavaScript exceptions into Go errors,
// copying bytes, fetch and BroadcastChannel. The packages beside it (idb,
// webcrypto, locks) wrap one browser API each and build on it.
//
// It trusts the platform to keep its specifications (ECMAScript promises, WHATWG
// Fetch and HTML) and trusts no content: what a promise delivers is checked for
// its type before it becomes a Go value.
//
// Three rules hold in all of the glue:
//
//   - A JavaScript exception or rejection leaves it as a Go error, never as a
//     panic. Callers tell errors apart by errors.Is.
//   - A callback that JavaScript calls never blocks: it hands over and returns.
//     A blocked callback stops the event loop, and with it the whole program.
//   - Every callback has one visible owner that releases it, and JavaScript has
//     no way left to call it afterwards.
//
// Nothing here is for the hot path: a promise costs about a tenth of a
// millisecond to wait for. Decisions per request cross by go:wasmexport instead.
package browser
