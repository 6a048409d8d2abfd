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

	mu         sync.Mutex
	keys       map[string]proofKey // by client
	generation uint64              // of the database that they were read from
}

// NewProofKeys returns the keys of a database. It reads none yet.
func NewProofKeys(db *idb.DB) *ProofKeys {
	return &ProofKeys{db: db, keys: map[string]proofKey{}}
}

// ProofKey implements a part of proxy.Crypto. A key of a database that was deleted
// under us is forgotten, as in Sealer.
func (k *ProofKeys) ProofKey(ctx context.Context, client string) (proxy.ProofKey, error) {
	generation := k.db.Generation()
	k.mu.Lock()
	if k.generation != generation {
		k.keys, k.generation = map[string]proofKey{}, generation
	}
	key, known := k.keys[client]
	k.mu.Unlock()
	if known {
		return key, nil
	}
	pair, err := loadOrMakeKey(ctx, k.db, "dpop/"+client, generatePair)
	if err != nil {
		return nil, err
	}
	if key, err = newProofKey(ctx, pair); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation == generation {
		k.keys[client] = key
	}
	return key, nil
}

// ecdsa names the algorithm for generateKey.
func ecdsa() map[string]any { return map[string]any{"name": "ECDSA", "namedCurve": "P-256"} }

func generatePair(ctx context.Context) (js.Value, error) {
	var script browser.Script
	pair := script.Await(ctx, script.Call(subtle(&script), "generateKey", ecdsa(), false, []any{"sign", "verify"}))
	return pair, script.Err()
}

// proofKey implements proxy.ProofKey.
type proofKey struct {
	private js.Value
	x, y    string
}

var _ proxy.ProofKey = proofKey{}

// newProofKey takes what is stored, and refuses what generatePair does not make.
func newProofKey(ctx context.Context, pair js.Value) (proofKey, error) {
	if pair.Type() != js.TypeObject {
		return proofKey{}, ErrProofKey
	}
	var script browser.Script
	private, public := script.Get(pair, "privateKey"), script.Get(pair, "publicKey")
	if private.Type() != js.TypeObject || public.Type() != js.TypeObject {
		return proofKey{}, ErrProofKey
	}
	usages := script.Get(private, "usages")
	ours := isES256(&script, private, "private") && isES256(&script, public, "public") &&
		!script.Bool(script.Get(private, "extractable")) &&
		script.Length(usages) == 1 && script.Text(script.Index(usages, 0)) == "sign"
	if err := script.Err(); err != nil {
		return proofKey{}, browser.WithKind(ErrProofKey, err)
	}
	if !ours {
		return proofKey{}, ErrProofKey
	}
	jwk := script.Await(ctx, script.Call(subtle(&script), "exportKey", "jwk", public))
	key := proofKey{private: private, x: script.Text(script.Get(jwk, "x")), y: script.Text(script.Get(jwk, "y"))}
	return key, script.Err()
}

func isES256(script *browser.Script, key js.Value, half string) bool {
	algorithm := script.Get(key, "algorithm")
	name := script.Text(script.Get(algorithm, "name"))
	// Other algorithms have no curve.
	return name == "ECDSA" && script.Text(script.Get(algorithm, "namedCurve")) == "P-256" &&
		script.Text(script.Get(key, "type")) == half
}

// Public implements proxy.ProofKey.
func (k proofKey) Public() (x, y string) { return k.x, k.y }

// Sign implements proxy.ProofKey.
func (k proofKey) Sign(ctx context.Context, data []byte) ([]byte, error) {
	var script browser.Script
	algorithm := map[string]any{"name": "ECDSA", "hash": "SHA-256"}
	result := script.Await(ctx, script.Call(subtle(&script), "sign", algorithm, k.private, script.Uint8Array(data)))
	signature := script.Bytes(result)
	return signature, script.Err()
}
