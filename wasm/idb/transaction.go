//go:build js && wasm

package idb

import (
	"context"
	"errors"

	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

// Modes of a transaction.
const (
	readOnly  = "readonly"
	readWrite = "readwrite"
)

// errNoReason is an abort for which the browser gives no reason.
var errNoReason = browser.WithKind(browser.ErrAborted, errors.New("idb: transaction aborted"))

// transact performs one request in a transaction of its own and waits until the
// transaction is complete. When ctx ends first, the transaction is called off; a
// write that was being committed at that moment may still have happened.
func (c *connection) transact(ctx context.Context, store, mode string, ask request) (js.Value, error) {
	var script browser.Script
	tx := script.Call(c.database, "transaction", store, mode, map[string]any{"durability": "strict"})
	if err := script.Err(); errors.Is(err, browser.ErrInvalidState) {
		// The connection is closing, and its event has not come yet or never will.
		return js.Undefined(), c.lost(err)
	} else if err != nil {
		return js.Undefined(), err
	}
	ended, err := watch(tx)
	if err != nil {
		return js.Undefined(), err
	}

	result := ask(&script, script.Call(tx, "objectStore", store))
	if err := script.Err(); err != nil { // such as a value that cannot be stored
		return js.Undefined(), errors.Join(err, abort(tx))
	}
	select {
	case committed := <-ended:
		if committed {
			value := script.Get(result, "result")
			return value, script.Err()
		}
	case <-ctx.Done():
		return js.Undefined(), errors.Join(ctx.Err(), abort(tx))
	}
	err = abortReason(tx)
	if errors.Is(err, browser.ErrAborted) { // not by us, so by the browser with the connection
		err = c.lost(err)
	}
	return js.Undefined(), err
}

// lost ends a connection that does not work any more.
func (c *connection) lost(cause error) error {
	return errors.Join(browser.WithKind(ErrLost, cause), c.end())
}

// watch tells once how a transaction ended: true for committed. The callback
// belongs to the transaction, which sends exactly one of the two events, be it
// waited for or not, and with it releases the callback.
func watch(tx js.Value) (<-chan bool, error) {
	ended := make(chan bool, 1)
	var events js.Func
	events, err := js.FuncOf(func(_ js.Value, args []js.Value) any {
		events.Release()
		var script browser.Script
		ended <- script.Text(script.Get(args[0], "type")) == "complete"
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, abort(tx))
	}
	var script browser.Script
	script.Set(tx, "oncomplete", events)
	script.Set(tx, "onabort", events)
	if err := script.Err(); err != nil {
		events.Release()
		return nil, errors.Join(err, abort(tx))
	}
	return ended, nil
}

// abort calls a transaction off, unless it has ended or is being committed.
func abort(tx js.Value) error {
	var script browser.Script
	script.Call(tx, "abort")
	if err := script.Err(); !errors.Is(err, browser.ErrInvalidState) {
		return err
	}
	return nil
}

// abortReason is why a transaction was aborted: the error of its request, or of
// the commit (QuotaExceededError), or none when it was called off.
func abortReason(tx js.Value) error {
	var script browser.Script
	reason := script.Get(tx, "error")
	if err := script.Err(); err != nil {
		return err
	}
	if reason.IsNull() {
		return errNoReason
	}
	return browser.AsError(reason)
}
