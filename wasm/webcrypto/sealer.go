//go:build js && wasm

package webcrypto

import (
	"context"
	"errors"
	"sync"

	"tokenvault/wasm/js"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
	"tokenvault/wasm/idb"
)

const (
	ivLength  = 12 // bytes; the length that GCM is made for
	tagLength = 16 // bytes
)

// ErrOpen is a sealed record that is malformed, was changed, was sealed under
// another key, or belongs to other additional data. It is not told which.
var ErrOpen = errors.New("webcrypto: record cannot be opened")

// Sealer seals records under the key of one database. It is safe for concurrent
// use.
type Sealer struct {
	db *idb.DB

	mu         sync.Mutex
	key        js.Value
	generation uint64 // of the database that key was read from
}

var _ proxy.Sealer = (*Sealer)(nil)

// NewSealer loads the database's key, or makes it when there is none yet.
func NewSealer(ctx context.Context, db *idb.DB) (*Sealer, error) {
	s := &Sealer{db: db}
	if err := s.loadKey(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Seal implements proxy.Sealer: iv ‖ ciphertext ‖ tag.
func (s *Sealer) Seal(ctx context.Context, plaintext, additional []byte) ([]byte, error) {
	key, err := s.currentKey(ctx)
	if err != nil {
		return nil, err
	}
	iv, err := Random(ivLength)
	if err != nil {
		return nil, err
	}
	ciphertext, err := crypt(ctx, "encrypt", key, iv, plaintext, additional)
	if err != nil {
		return nil, err
	}
	return append(iv, ciphertext...), nil
}

// Open implements proxy.Sealer. A record that is not authentic is ErrOpen.
func (s *Sealer) Open(ctx context.Context, sealed, additional []byte) ([]byte, error) {
	if len(sealed) < ivLength+tagLength {
		return nil, ErrOpen
	}
	key, err := s.currentKey(ctx)
	if err != nil {
		return nil, err
	}
	plaintext, err := crypt(ctx, "decrypt", key, sealed[:ivLength], sealed[ivLength:], additional)
	if errors.Is(err, browser.ErrOperation) {
		return nil, browser.WithKind(ErrOpen, err)
	}
	return plaintext, err
}

// crypt performs one operation of SubtleCrypto.
func crypt(ctx context.Context, operation string, key js.Value, iv, data, additional []byte) ([]byte, error) {
	var script browser.Script
	algorithm := map[string]any{
		"name":           "AES-GCM",
		"iv":             script.Uint8Array(iv),
		"additionalData": script.Uint8Array(additional),
		"tagLength":      8 * tagLength,
	}
	result := operate(ctx, &script, operation, algorithm, key, script.Uint8Array(data))
	output := script.Bytes(result)
	return output, script.Err()
}

// operate calls a method of SubtleCrypto and waits for its result.
func operate(ctx context.Context, script *browser.Script, operation string, args ...any) js.Value {
	return script.Await(ctx, script.Call(subtle(script), operation, args...))
}

// subtle is the SubtleCrypto object, which exists in secure contexts only.
func subtle(script *browser.Script) js.Value {
	return script.Get(script.Global("crypto"), "subtle")
}
