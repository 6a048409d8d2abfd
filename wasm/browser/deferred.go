//go:build js && wasm

package browser

import "tokenvault/wasm/js"

// Deferred is a promise that Go fulfills. Unlike `new Promise(executor)` it needs
// no callback (Promise.withResolvers, ECMAScript 2024).
type Deferred struct {
	object  js.Value // {promise, resolve, reject}
	promise js.Value
}

// NewDeferred makes a promise that is pending.
func NewDeferred(script *Script) Deferred {
	object := script.Call(script.Global("Promise"), "withResolvers")
	return Deferred{object: object, promise: script.Get(object, "promise")}
}

// Promise is the promise to hand to JavaScript.
func (d Deferred) Promise() js.Value { return d.promise }

// Resolve fulfills the promise. Further calls do nothing.
func (d Deferred) Resolve(value any) error {
	var script Script
	script.Call(d.object, "resolve", value)
	return script.Err()
}
