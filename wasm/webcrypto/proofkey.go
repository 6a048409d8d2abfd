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

// ErrProofKey is a stored key pair that is not one of ours: of another algorithm, for
// another use, or one whose private half a script could read.
var ErrProofKey = errors.New("webcrypto: stored key is not a non-extractable key pair for ES256")

// ProofKeys keeps the key pairs that the tokens of clients are bound to (RFC 9449), in
// a database, and those that were used in memory. It is safe for concurrent use.
type ProofKeys struct {
	db *idb.DB

	mu   sync.Mutex
	keys []*proofKey
}

// NewProofKeys returns the keys of a database. It reads none yet.
func NewProofKeys(db *idb.DB) *ProofKeys { return &ProofKeys{db: db} }

// ProofKey implements a part of proxy.Crypto. A key of a database that was deleted
// under us is forgotten, as in Sealer.
func (k *ProofKeys) ProofKey(ctx context.Context, client string) (proxy.ProofKey, error) {
	generation := k.db.Generation()
	k.mu.Lock()
	for _, key := range k.keys {
		if key.client == client && key.generation == generation {
			k.mu.Unlock()
			return key, nil
		}
	}
	k.mu.Unlock()
	pair, err := loadOrMakeKey(ctx, k.db, "dpop/"+client, generatePair)
	if err != nil {
		return nil, err
	}
	key := &proofKey{client: client, generation: generation}
	if err := key.take(ctx, pair); err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.keys = append(k.keys, key)
	k.mu.Unlock()
	return key, nil
}

func generatePair(ctx context.Context) (js.Value, error) {
	return generate(ctx, map[string]any{"name": "ECDSA", "namedCurve": "P-256"}, "sign", "verify")
}

// proofKey implements proxy.ProofKey.
type proofKey struct {
	client     string
	generation uint64 // of the database that it was read from
	private    js.Value
	x, y       string
}

var _ proxy.ProofKey = (*proofKey)(nil)

// take reads what is stored, and refuses what generatePair does not make.
func (k *proofKey) take(ctx context.Context, pair js.Value) error {
	var script browser.Script
	k.private = script.Get(pair, "privateKey")
	algorithm := script.Get(k.private, "algorithm")
	curve := script.Text(script.Get(algorithm, "namedCurve")) // other algorithms have none
	usages := script.Text(script.Call(script.Get(k.private, "usages"), "join"))
	extractable := script.Bool(script.Get(k.private, "extractable"))
	// Of a public key only: a private one of ours cannot be exported.
	jwk := script.Await(ctx, script.Call(subtle(&script), "exportKey", "jwk", script.Get(pair, "publicKey")))
	k.x, k.y = script.Text(script.Get(jwk, "x")), script.Text(script.Get(jwk, "y"))
	if err := script.Err(); err != nil {
		return browser.WithKind(ErrProofKey, err)
	}
	if curve != "P-256" || usages != "sign" || extractable {
		return ErrProofKey
	}
	return nil
}

// Public implements proxy.ProofKey.
func (k *proofKey) Public() (x, y string) { return k.x, k.y }

// Sign implements proxy.ProofKey.
func (k *proofKey) Sign(ctx context.Context, data []byte) ([]byte, error) {
	var script browser.Script
	algorithm := map[string]any{"name": "ECDSA", "hash": "SHA-256"}
	result := script.Await(ctx, script.Call(subtle(&script), "sign", algorithm, k.private, script.Uint8Array(data)))
	signature := script.Bytes(result)
	return signature, script.Err()
}
