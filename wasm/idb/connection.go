//go:build js && wasm

package idb

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

// connection is an IDBDatabase. It ends by Close, by the browser (event "close",
// as when site data are cleared), or because another tab wants to delete or
// upgrade the database (event "versionchange"): a connection that stayed would
// block that tab.
type connection struct {
	database   js.Value
	events     js.Func // owned by the connection; end releases it
	ended      atomic.Bool
	generation *atomic.Uint64 // raised by end
	ending     sync.Once
}

// openConnection opens the database and waits for it.
func openConnection(ctx context.Context, name string, version int, generation *atomic.Uint64) (*connection, error) {
	o := &opening{generation: generation, outcome: make(chan opened, 1)}
	events, err := js.FuncOf(o.handle)
	if err != nil {
		return nil, err
	}
	o.events = events

	var script browser.Script
	o.request = script.Call(script.Global("indexedDB"), "open", name, version)
	for _, event := range []string{"onupgradeneeded", "onblocked", "onsuccess", "onerror"} {
		script.Set(o.request, event, events)
	}
	if err := script.Err(); err != nil { // no storage for this origin
		events.Release()
		return nil, err
	}
	select {
	case result := <-o.outcome:
		return result.conn, result.err
	case <-ctx.Done():
		return nil, o.abandon(ctx.Err())
	}
}

// newConnection takes over a database that was just opened. It runs in the
// callback for "success", so that no event can come before its handler is there.
func newConnection(database js.Value, generation *atomic.Uint64) (*connection, error) {
	c := &connection{database: database, generation: generation}
	events, err := js.FuncOf(func(js.Value, []js.Value) any {
		// Nobody waits for this error; the next operation meets the same
		// database and reports what is wrong with it.
		_ = c.end()
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.events = events
	var script browser.Script
	script.Set(database, "onversionchange", events)
	script.Set(database, "onclose", events)
	if err := script.Err(); err != nil {
		events.Release()
		return nil, err
	}
	return c, nil
}

// end closes the connection; transactions that run are completed first.
func (c *connection) end() error {
	var script browser.Script
	c.ending.Do(func() {
		c.ended.Store(true)
		c.generation.Add(1)
		script.Set(c.database, "onversionchange", js.Null())
		script.Set(c.database, "onclose", js.Null())
		script.Call(c.database, "close")
		c.events.Release()
	})
	return script.Err()
}

// opened is how an opening ended.
type opened struct {
	conn *connection
	err  error
}

// opening is an IDBOpenDBRequest. Its callback belongs to the request, not to
// the one who waits: an open that is given up (ctx ended, or blocked) goes on,
// may still have to create the object stores, and must close what it gets. The
// last event, success or error, releases the callback.
type opening struct {
	request    js.Value
	events     js.Func
	generation *atomic.Uint64
	outcome    chan opened
	abandoned  atomic.Bool
	upgrade    error // why the object stores could not be created
}

// handle is the callback for the request's events.
func (o *opening) handle(_ js.Value, args []js.Value) any {
	var script browser.Script
	switch script.Text(script.Get(args[0], "type")) {
	case "upgradeneeded":
		o.upgrade = createStores(o.request)
	case "blocked":
		if !o.abandoned.Swap(true) {
			o.outcome <- opened{err: ErrBlocked}
		}
	case "success":
		o.events.Release()
		o.succeed(script.Get(o.request, "result"))
	case "error":
		o.events.Release()
		if !o.abandoned.Load() {
			o.outcome <- opened{err: o.failure()}
		}
	}
	return nil
}

// succeed hands over the database, or closes it when nobody waits any more.
func (o *opening) succeed(database js.Value) {
	conn, err := newConnection(database, o.generation)
	if o.abandoned.Load() {
		if err == nil {
			_ = conn.end() // given up: nobody is there to be told
		}
		return
	}
	o.outcome <- opened{conn: conn, err: err}
}

// failure is why the request ended with the event "error".
func (o *opening) failure() error {
	if o.upgrade != nil {
		return o.upgrade
	}
	var script browser.Script
	reason := script.Get(o.request, "error")
	if err := script.Err(); err != nil {
		return err
	}
	return browser.AsError(reason)
}

// abandon gives up waiting. A database that came at the same moment is closed.
func (o *opening) abandon(reason error) error {
	o.abandoned.Store(true)
	select {
	case result := <-o.outcome:
		if result.conn != nil {
			return errors.Join(reason, result.conn.end())
		}
	default:
	}
	return reason
}

// createStores makes the object stores of a new database. When that fails, the
// upgrade is called off and the request ends with the event "error".
func createStores(request js.Value) error {
	var script browser.Script
	database := script.Get(request, "result")
	existing := script.Get(database, "objectStoreNames")
	for _, name := range []string{recordStore, keyStore} {
		if !script.Bool(script.Call(existing, "contains", name)) {
			script.Call(database, "createObjectStore", name)
		}
	}
	if err := script.Err(); err != nil {
		var abort browser.Script
		abort.Call(abort.Get(request, "transaction"), "abort")
		return err
	}
	return nil
}
