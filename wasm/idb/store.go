//go:build js && wasm

package idb

import (
	"context"

	"tokenvault/wasm/js"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
)

// recordStore is the object store of the sealed records: bytes under a name.
const recordStore = "records"

// Store keeps records. It does not look into them.
type Store struct {
	db *DB
}

var _ proxy.Store = (*Store)(nil)

// NewStore returns the records of a database.
func NewStore(db *DB) *Store { return &Store{db: db} }

// Load implements proxy.Store.
func (s *Store) Load(ctx context.Context, name string) ([]byte, error) {
	record, err := s.db.run(ctx, recordStore, readOnly, func(script *browser.Script, records js.Value) js.Value {
		return script.Call(records, "get", name)
	})
	if err != nil || record.IsUndefined() {
		return nil, err
	}
	return browser.Bytes(record)
}

// Save implements proxy.Store. An origin without space left is
// browser.ErrQuotaExceeded, and the record is as it was.
func (s *Store) Save(ctx context.Context, name string, record []byte) error {
	value, err := browser.Uint8Array(record)
	if err != nil {
		return err
	}
	_, err = s.db.run(ctx, recordStore, readWrite, func(script *browser.Script, records js.Value) js.Value {
		return script.Call(records, "put", value, name)
	})
	return err
}

// Delete implements proxy.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	_, err := s.db.run(ctx, recordStore, readWrite, func(script *browser.Script, records js.Value) js.Value {
		return script.Call(records, "delete", name)
	})
	return err
}
