package proxy

import (
	"context"
	"errors"
	"time"
)

// What the proxy needs of the browser. Each interface is small so that a test
// replaces it with a few lines; the real ones live under wasm/.

// ErrNetwork is what a Fetcher returns, wrapped, when no HTTP response came
// back: no connection, a refused CORS check, a redirect where none is allowed.
var ErrNetwork = errors.New("network failure")

// Store keeps sealed records under a name. It holds no plaintext.
type Store interface {
	// Load returns nil and no error when there is no such record.
	Load(ctx context.Context, name string) ([]byte, error)
	// Save replaces the record; it returns only when the record is durable.
	Save(ctx context.Context, name string, record []byte) error
	// Delete is no error when there is no such record.
	Delete(ctx context.Context, name string) error
}

// Sealer encrypts and authenticates records at rest. Open fails when the
// sealed bytes or the additional data differ from what was sealed.
type Sealer interface {
	Seal(ctx context.Context, plaintext, additional []byte) ([]byte, error)
	Open(ctx context.Context, sealed, additional []byte) ([]byte, error)
}

// LockMode says who else may hold a lock of the same name.
type LockMode uint8

const (
	// Exclusive lets nobody else hold the lock.
	Exclusive LockMode = iota
	// Shared lets other Shared holders in, in every frame of the origin.
	Shared
)

// Locker takes locks that all frames of the vault origin share (Web Locks).
// unlock may be called more than once. Lock gives up when ctx ends.
type Locker interface {
	Lock(ctx context.Context, name string, mode LockMode) (unlock func(), err error)
}

// FetchRequest is a request that the vault makes for itself.
type FetchRequest struct {
	Method, URL string
	Headers     []string // name, value, name, value, …
	Body        []byte
	Credentials string // "omit", "same-origin" or "include"
}

// FetchResponse is a whole answer in memory.
type FetchResponse struct {
	Status          int
	StatusText, URL string
	Headers         []string // name, value, name, value, …
	Body            []byte
}

// Fetcher performs requests to the authorization server. It follows no
// redirect. Without a response the error wraps ErrNetwork.
type Fetcher interface {
	Fetch(ctx context.Context, request FetchRequest) (FetchResponse, error)
}

// Bus reaches the other frames of the vault origin, not the sender.
type Bus interface {
	Publish(message string) error
}

// Clock tells the wall-clock time.
type Clock func() time.Time

// Crypto is the browser's cryptography (Web Cryptography API).
type Crypto interface {
	// Random returns so many random bytes.
	Random(count int) ([]byte, error)
	// Digest hashes data with an algorithm by its name there: "SHA-256".
	Digest(ctx context.Context, name string, data []byte) ([]byte, error)
	// Verify checks a signature of an algorithm by its name in RFC 7518 with a public
	// key (RFC 7517). A false signature is no error.
	Verify(ctx context.Context, alg, jwk string, signature, signed []byte) (bool, error)
	// ProofKey returns the client's key, made when there is none yet.
	ProofKey(ctx context.Context, client string) (ProofKey, error)
}

// ProofKey is the key that a client's tokens are bound to: an elliptic curve key
// P-256 whose private half nobody can read.
type ProofKey interface {
	// Public returns the coordinates as a JWK has them (RFC 7518 §6.2.1).
	Public() (x, y string)
	// Sign returns the signature as ES256 has it (RFC 7518 §3.4).
	Sign(ctx context.Context, data []byte) ([]byte, error)
}
