//go:build js && wasm

package browser_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

// settled makes a promise by one of the static methods of Promise.
func settled(t testing.TB, method string, value any) js.Value {
	t.Helper()
	var script browser.Script
	promise := script.Call(script.Global("Promise"), method, value)
	require.NoError(t, script.Err())
	return promise
}

// pending makes a promise, and the functions that settle it.
func pending(t testing.TB) (promise js.Value, settle func(how string, value any)) {
	t.Helper()
	var script browser.Script
	object := script.Call(script.Global("Promise"), "withResolvers")
	promise = script.Get(object, "promise")
	require.NoError(t, script.Err())
	return promise, func(how string, value any) {
		var script browser.Script
		script.Call(object, how, value)
		require.NoError(t, script.Err())
	}
}

// newError makes an Error object.
func newError(t testing.TB, class string, args ...any) js.Value {
	t.Helper()
	var script browser.Script
	thrown := script.New(class, args...)
	require.NoError(t, script.Err())
	return thrown
}

func TestAwait(t *testing.T) {
	tests := map[string]struct {
		promise js.Value
		err     *browser.Error
	}{
		"fulfilled":                {settled(t, "resolve", "value"), nil},
		"rejected with an error":   {settled(t, "reject", newError(t, "RangeError", "too far")), &browser.Error{Name: "RangeError", Message: "too far"}},
		"rejected with a text":     {settled(t, "reject", "just a text"), &browser.Error{Message: "just a text"}},
		"rejected with nothing":    {settled(t, "reject", js.Undefined()), &browser.Error{Message: "a thrown value without a text"}},
		"rejected with any object": {settled(t, "reject", map[string]any{"name": 7}), &browser.Error{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			value, err := browser.Await(t.Context(), test.promise)
			if test.err != nil {
				require.Equal(t, test.err, err)
				return
			}
			require.NoError(t, err)
			text, err := value.String()
			require.NoError(t, err)
			require.Equal(t, "value", text)
		})
	}
}

func TestAwaitWaitsForAPromiseThatSettlesLater(t *testing.T) {
	promise, settle := pending(t)
	go settle("resolve", true)
	value, err := browser.Await(t.Context(), promise)
	require.NoError(t, err)
	done, err := value.Bool()
	require.NoError(t, err)
	require.True(t, done)
}

func TestAwaitRefusesWhatIsNotAPromise(t *testing.T) {
	for name, value := range map[string]js.Value{"undefined": js.Undefined(), "null": js.Null()} {
		t.Run(name, func(t *testing.T) {
			_, err := browser.Await(t.Context(), value)
			require.Error(t, err)
		})
	}
}

// The runner fails this package when JavaScript calls a released callback, or
// when the late rejection is one that nobody handles.
func TestAwaitGivesUpQuietly(t *testing.T) {
	for _, how := range []string{"resolve", "reject"} {
		t.Run("then "+how, func(t *testing.T) {
			promise, settle := pending(t)
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			_, err := browser.Await(ctx, promise)
			require.ErrorIs(t, err, context.Canceled)

			settle(how, newError(t, "Error", "too late"))
			nextTask(t)
		})
	}
}

func TestAwaitWithAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, promise := range map[string]js.Value{
		"fulfilled": settled(t, "resolve", "value"),
		"rejected":  settled(t, "reject", newError(t, "Error", "refused")), // and yet handled
	} {
		t.Run(name, func(t *testing.T) {
			_, err := browser.Await(ctx, promise)
			require.ErrorIs(t, err, context.Canceled)
			nextTask(t)
		})
	}
}

// nextTask lets the event loop turn: a message on a channel is a task.
func nextTask(t testing.TB) {
	t.Helper()
	var script browser.Script
	channel := script.New("MessageChannel")
	arrived := make(chan struct{}, 1)
	events, err := js.FuncOf(func(js.Value, []js.Value) any {
		arrived <- struct{}{}
		return nil
	})
	require.NoError(t, err)
	defer events.Release()
	script.Set(script.Get(channel, "port1"), "onmessage", events)
	script.Call(script.Get(channel, "port2"), "postMessage", js.Null())
	require.NoError(t, script.Err())
	<-arrived
	script.Call(script.Get(channel, "port1"), "close")
	require.NoError(t, script.Err())
}
