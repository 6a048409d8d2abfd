//go:build js && wasm

package browser

import (
	"context"
	"errors"

	"tokenvault/wasm/js"
)

// errNotPromise is a value that nothing can be waited for. Promise.race takes it
// for a promise that is fulfilled already, which would be a success for nothing.
var errNotPromise = errors.New("browser: value is not a promise")

// Await waits until promise settles or ctx ends, and returns the value, the
// rejection as an *Error, or ctx.Err(); a ctx that has ended already comes before
// a promise that has settled already. It must not be called in a callback that
// JavaScript called: the promise could never settle.
//
// When ctx ends first, the promise goes on by itself and its outcome is dropped
// without a sound. The wait is therefore not on the promise but on a race of it
// against a promise of ours: the end of ctx settles the race, the race calls one
// of the two callbacks, once, and then both can be released although the promise
// that was given up may still settle, or never does.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	if promise.Type() != js.TypeObject {
		return js.Undefined(), errNotPromise
	}
	type outcome struct {
		value    js.Value
		rejected bool
	}
	settled := make(chan outcome, 1)
	report := func(rejected bool) func(js.Value, []js.Value) any {
		return func(_ js.Value, args []js.Value) any {
			settled <- outcome{value: args[0], rejected: rejected}
			return nil
		}
	}
	fulfilled, err := js.FuncOf(report(false))
	if err != nil {
		return js.Undefined(), err
	}
	defer fulfilled.Release()
	rejected, err := js.FuncOf(report(true))
	if err != nil {
		return js.Undefined(), err
	}
	defer rejected.Release()

	var script Script
	end := NewDeferred(&script)
	if ctx.Err() != nil { // before the race, which a settled promise would win
		script.Call(end.object, "resolve", end.object)
	}
	race := script.Call(script.Global("Promise"), "race", []any{end.Promise(), promise})
	script.Call(race, "then", fulfilled, rejected)
	if err := script.Err(); err != nil {
		return js.Undefined(), err
	}

	var result outcome
	select {
	case result = <-settled:
	case <-ctx.Done():
		// Nothing but this function knows the deferred object, so it marks the
		// outcome as ours. The promise may have won while the event loop turned.
		if err := end.Resolve(end.object); err != nil {
			return js.Undefined(), err
		}
		if result = <-settled; result.value.Equal(end.object) {
			return js.Undefined(), ctx.Err()
		}
	}
	if result.rejected {
		return js.Undefined(), AsError(result.value)
	}
	return result.value, nil
}
