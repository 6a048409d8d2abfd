//go:build js && wasm

package idb

import (
	"context"
	"errors"
	"sync/atomic"

	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

var (
	// ErrBlocked is an open that waits for another tab to let go of an older
	// version of the database.
	ErrBlocked = errors.New("idb: database is held open by another tab with an older version")
	// ErrLost is an operation whose connection ended before or under it, and
	// again when it was repeated.
	ErrLost = errors.New("idb: connection lost")
	// ErrClosed is an operation after Close.
	ErrClosed = errors.New("idb: database is closed")
	// ErrExists is the addition of a key under a name that is taken.
	ErrExists = errors.New("idb: name is taken")
)

// version of the database's layout: the object stores that exist.
const version = 1

// DB is a database. It is open from the first operation on, and opened again
// when the connection was lost. It is safe for concurrent use.
type DB struct {
	name       string
	version    int
	turn       chan struct{} // holds one token; its owner may use conn and closed
	conn       *connection   // nil when there is none
	closed     bool
	generation atomic.Uint64
}

// Open opens or creates the database, so that a browser that refuses storage is
// noticed at once.
func Open(ctx context.Context, name string) (*DB, error) {
	return open(ctx, name, version)
}

func open(ctx context.Context, name string, version int) (*DB, error) {
	db := &DB{name: name, version: version, turn: make(chan struct{}, 1)}
	db.turn <- struct{}{}
	if _, err := db.connect(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// Generation changes whenever a connection ends. As long as it is the same, the
// database that was read is still the one that will be written. After a change
// it may be another one of the same name.
func (db *DB) Generation() uint64 { return db.generation.Load() }

// Close ends the connection once its transactions are complete. Later operations
// fail with ErrClosed; closing again does nothing.
func (db *DB) Close() error {
	<-db.turn
	defer func() { db.turn <- struct{}{} }()
	db.closed = true
	if db.conn == nil {
		return nil
	}
	return db.conn.end()
}

// connect is the live connection, opened if need be.
func (db *DB) connect(ctx context.Context) (*connection, error) {
	select {
	case <-db.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { db.turn <- struct{}{} }()
	if db.closed {
		return nil, ErrClosed
	}
	if db.conn != nil && !db.conn.ended.Load() {
		return db.conn, nil
	}
	conn, err := openConnection(ctx, db.name, db.version, &db.generation)
	if err != nil {
		return nil, err
	}
	db.conn = conn
	return conn, nil
}

// request makes one IndexedDB request on an object store.
type request func(script *browser.Script, objects js.Value) js.Value

// run performs a transaction of one request and returns the request's result.
// When the connection turns out to be lost it is tried once more with a new one:
// every request of this package may be repeated without harm.
func (db *DB) run(ctx context.Context, store, mode string, ask request) (js.Value, error) {
	if err := ctx.Err(); err != nil {
		return js.Undefined(), err
	}
	result, err := db.attempt(ctx, store, mode, ask)
	if errors.Is(err, ErrLost) {
		result, err = db.attempt(ctx, store, mode, ask)
	}
	return result, err
}

func (db *DB) attempt(ctx context.Context, store, mode string, ask request) (js.Value, error) {
	conn, err := db.connect(ctx)
	if err != nil {
		return js.Undefined(), err
	}
	return conn.transact(ctx, store, mode, ask)
}
