//go:build js && wasm

package locks

import (
	"context"
	"errors"
	"sync"

	"tokenvault/wasm/js"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
)

// Locker takes locks of the origin it runs in.
type Locker struct{}

var _ proxy.Locker = Locker{}

// Lock implements proxy.Locker. When ctx ends first, the request is withdrawn
// and the error is ctx.Err(); after Lock has returned, ctx has no influence.
func (Locker) Lock(ctx context.Context, name string, mode proxy.LockMode) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := newRequest(name, mode)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.granted:
		return sync.OnceFunc(r.release), nil
	case err := <-r.refused:
		return nil, err
	case <-ctx.Done():
		// The lock may have been granted at this very moment, so it is both
		// withdrawn and released; what does not apply has no effect.
		return nil, errors.Join(ctx.Err(), r.withdraw())
	}
}

// request is one call of navigator.locks.request. The browser calls grant when
// the lock is ours, and it is ours until the promise that grant returned is
// fulfilled. The promise of the request itself settles when all is over: released
// or refused. Only then can grant not be called any more, and finish releases it.
type request struct {
	held       browser.Deferred
	controller js.Value // AbortController
	grant      js.Func  // owned by the request; finish releases it
	granted    chan struct{}
	refused    chan error
}

func newRequest(name string, mode proxy.LockMode) (*request, error) {
	var script browser.Script
	r := &request{
		held:       browser.NewDeferred(&script),
		controller: script.New("AbortController"),
		granted:    make(chan struct{}, 1),
		refused:    make(chan error, 1),
	}
	options := map[string]any{"mode": modeName(mode), "signal": script.Get(r.controller, "signal")}
	manager := script.Get(script.Global("navigator"), "locks")
	if err := script.Err(); err != nil {
		return nil, err
	}
	grant, err := js.FuncOf(func(js.Value, []js.Value) any {
		r.granted <- struct{}{}
		return r.held.Promise()
	})
	if err != nil {
		return nil, err
	}
	r.grant = grant
	over := script.Call(manager, "request", name, options, grant)
	if err := script.Err(); err != nil {
		grant.Release()
		return nil, err
	}
	go r.finish(over)
	return r, nil
}

// finish waits for the end of the request, however long the lock is held.
func (r *request) finish(over js.Value) {
	_, err := browser.Await(context.Background(), over)
	r.grant.Release()
	if err != nil {
		r.refused <- err
	}
}

// release lets go of the lock. Resolving a promise does not fail.
func (r *request) release() { _ = r.held.Resolve(js.Undefined()) }

// withdraw takes the request back.
func (r *request) withdraw() error {
	var script browser.Script
	script.Call(r.controller, "abort")
	return errors.Join(script.Err(), r.held.Resolve(js.Undefined()))
}

// modeName is the mode in the words of the API. What is not Shared is exclusive:
// a mistake then costs time, not a second refresh.
func modeName(mode proxy.LockMode) string {
	if mode == proxy.Shared {
		return "shared"
	}
	return "exclusive"
}
