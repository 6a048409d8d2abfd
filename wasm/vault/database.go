//go:build js && wasm

package vault

import (
	"context"

	"tokenvault/proxy"
	"tokenvault/wasm/idb"
	"tokenvault/wasm/webcrypto"
)

// database is the store and the sealer of this frame, and keeps its keys, all opened with the first use,
// so that the frame answers while IndexedDB still opens, and opened again after
// a failure: a browser that refuses storage now may grant it later.
type database struct {
	turn   chan struct{} // holds one token; its owner may use what follows
	store  proxy.Store
	sealer proxy.Sealer
	proofs *webcrypto.ProofKeys
}

var (
	_ proxy.Store  = (*database)(nil)
	_ proxy.Sealer = (*database)(nil)
)

// databaseName is the IndexedDB database in the vault origin.
const databaseName = "tokenvault"

func newDatabase() *database {
	d := &database{turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	return d
}

// open makes store, sealer and the keys of proofs once.
func (d *database) open(ctx context.Context) error {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	if d.store != nil {
		return nil
	}
	db, err := idb.Open(ctx, databaseName)
	if err != nil {
		return err
	}
	sealer, err := webcrypto.NewSealer(ctx, db)
	if err != nil {
		_ = db.Close() // the failure that counts is the sealer's
		return err
	}
	d.store, d.sealer, d.proofs = idb.NewStore(db), sealer, webcrypto.NewProofKeys(db)
	return nil
}

// Load implements proxy.Store.
func (d *database) Load(ctx context.Context, name string) ([]byte, error) {
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	return d.store.Load(ctx, name)
}

// Save implements proxy.Store.
func (d *database) Save(ctx context.Context, name string, record []byte) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.store.Save(ctx, name, record)
}

// Delete implements proxy.Store.
func (d *database) Delete(ctx context.Context, name string) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.store.Delete(ctx, name)
}

// Seal implements proxy.Sealer.
func (d *database) Seal(ctx context.Context, plaintext, additional []byte) ([]byte, error) {
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	return d.sealer.Seal(ctx, plaintext, additional)
}

// Open implements proxy.Sealer.
func (d *database) Open(ctx context.Context, sealed, additional []byte) ([]byte, error) {
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	return d.sealer.Open(ctx, sealed, additional)
}
