//go:build js && wasm

package vault

import (
	"context"

	"tokenvault/proxy"
	"tokenvault/wasm/webcrypto"
)

// cryptography is the browser's, with the keys in the database of this frame.
type cryptography struct{ keys *database }

var _ proxy.Crypto = (*cryptography)(nil)

// Random implements proxy.Crypto.
func (*cryptography) Random(count int) ([]byte, error) { return webcrypto.Random(count) }

// Digest implements proxy.Crypto.
func (*cryptography) Digest(ctx context.Context, name string, data []byte) ([]byte, error) {
	return webcrypto.Digest(ctx, name, data)
}

// Verify implements proxy.Crypto.
func (*cryptography) Verify(ctx context.Context, alg, jwk string, signature, signed []byte) (bool, error) {
	return webcrypto.Verify(ctx, alg, jwk, signature, signed)
}

// ProofKey implements proxy.Crypto.
func (c *cryptography) ProofKey(ctx context.Context, client string) (proxy.ProofKey, error) {
	if err := c.keys.open(ctx); err != nil {
		return nil, err
	}
	return c.keys.proofs.ProofKey(ctx, client)
}
