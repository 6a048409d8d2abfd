//go:build js && wasm

package idb

import (
	"context"
	"errors"

	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

// keyStore is the object store of the CryptoKeys. IndexedDB stores a key that is
// not extractable without ever showing its bytes to a script.
const keyStore = "keys"

// LoadKey returns the key of that name; undefined when there is none.
func (db *DB) LoadKey(ctx context.Context, name string) (js.Value, error) {
	return db.run(ctx, keyStore, readOnly, func(script *browser.Script, keys js.Value) js.Value {
		return script.Call(keys, "get", name)
	})
}

// AddKey stores a key under a name that is free, or fails with ErrExists: of two
// tabs that start at the same time one wins and the other gets to know.
func (db *DB) AddKey(ctx context.Context, name string, key js.Value) error {
	_, err := db.run(ctx, keyStore, readWrite, func(script *browser.Script, keys js.Value) js.Value {
		return script.Call(keys, "add", key, name)
	})
	if errors.Is(err, browser.ErrConstraint) {
		return browser.WithKind(ErrExists, err)
	}
	return err
}
