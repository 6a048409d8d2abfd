//go:build js && wasm

package webcrypto

import (
	"context"
	"errors"

	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
	"tokenvault/wasm/idb"
)

// keyName is where the key is kept in the database.
const keyName = "records"

// ErrKey is a stored key that is not one of ours: of another algorithm, or one
// whose bytes a script could read.
var ErrKey = errors.New("webcrypto: stored key is not a non-extractable AES-256-GCM key")

// currentKey is the key of the database as it is now. Once the database was
// deleted under us, the key that is remembered went with it: another tab has
// made a new one, which alone opens the records to come.
func (s *Sealer) currentKey(ctx context.Context) (js.Value, error) {
	s.mu.Lock()
	key, generation := s.key, s.generation
	s.mu.Unlock()
	if generation == s.db.Generation() {
		return key, nil
	}
	if err := s.loadKey(ctx); err != nil {
		return js.Undefined(), err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key, nil
}

// loadKey reads the key and remembers it. The generation is the one before the
// reading: if the database goes away meanwhile, the next use reads again.
func (s *Sealer) loadKey(ctx context.Context) error {
	generation := s.db.Generation()
	key, err := loadOrMakeKey(ctx, s.db)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.generation = key, generation
	return nil
}

// loadOrMakeKey returns the stored key, or stores a new one. Of several tabs that
// find none, one stores its key first; the others throw theirs away.
func loadOrMakeKey(ctx context.Context, db *idb.DB) (js.Value, error) {
	key, err := db.LoadKey(ctx, keyName)
	if err != nil {
		return js.Undefined(), err
	}
	if key.IsUndefined() {
		if err := makeKey(ctx, db); err != nil && !errors.Is(err, idb.ErrExists) {
			return js.Undefined(), err
		}
		if key, err = db.LoadKey(ctx, keyName); err != nil {
			return js.Undefined(), err
		}
	}
	return key, checkKey(key)
}

// makeKey generates a key and stores it.
func makeKey(ctx context.Context, db *idb.DB) error {
	var script browser.Script
	algorithm := map[string]any{"name": "AES-GCM", "length": 256}
	usages := []any{"encrypt", "decrypt"}
	key := script.Await(ctx, script.Call(subtle(&script), "generateKey", algorithm, false, usages))
	if err := script.Err(); err != nil {
		return err
	}
	return db.AddKey(ctx, keyName, key)
}

// checkKey refuses a stored key that is not what makeKey stores.
func checkKey(key js.Value) error {
	if key.Type() != js.TypeObject {
		return ErrKey
	}
	var script browser.Script
	algorithm := script.Get(key, "algorithm")
	name := script.Text(script.Get(algorithm, "name"))
	bits := script.Int(script.Get(algorithm, "length"))
	extractable := script.Bool(script.Get(key, "extractable"))
	if err := script.Err(); err != nil {
		return browser.WithKind(ErrKey, err)
	}
	if name != "AES-GCM" || bits != 256 || extractable {
		return ErrKey
	}
	return nil
}
