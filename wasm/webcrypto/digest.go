//go:build js && wasm

package webcrypto

import (
	"context"

	"tokenvault/wasm/browser"
)

// Digest returns the digest of data by an algorithm's WebCrypto name: "SHA-256" or
// "SHA-512".
func Digest(ctx context.Context, algorithm string, data []byte) ([]byte, error) {
	var script browser.Script
	digest := operate(ctx, &script, "digest", algorithm, script.Uint8Array(data))
	output := script.Bytes(digest)
	return output, script.Err()
}
