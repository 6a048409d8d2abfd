//go:build js && wasm

package idb

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

// openTest opens a database that is deleted after the test. The name is the
// test's, and the profile is new, so each test begins with none.
func openTest(t testing.TB) *DB {
	t.Helper()
	db, err := Open(t.Context(), t.Name())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		deleteDatabase(t, db.name)
	})
	return db
}

// settle waits for the end of an IDBOpenDBRequest, and fails when it is blocked.
func settle(t testing.TB, request js.Value) {
	t.Helper()
	ended := make(chan string, 1)
	events, err := js.FuncOf(func(_ js.Value, args []js.Value) any {
		var script browser.Script
		ended <- script.Text(script.Get(args[0], "type"))
		return nil
	})
	require.NoError(t, err)
	defer events.Release()
	var script browser.Script
	for _, event := range []string{"onsuccess", "onerror", "onblocked"} {
		script.Set(request, event, events)
	}
	require.NoError(t, script.Err())
	require.Equal(t, "success", <-ended)
}

// deleteDatabase deletes a database as another tab would.
func deleteDatabase(t testing.TB, name string) {
	t.Helper()
	var script browser.Script
	request := script.Call(script.Global("indexedDB"), "deleteDatabase", name)
	require.NoError(t, script.Err())
	settle(t, request)
}

func TestStore(t *testing.T) {
	store := NewStore(openTest(t))
	ctx := t.Context()

	record, err := store.Load(ctx, "absent")
	require.NoError(t, err)
	require.Nil(t, record)
	require.NoError(t, store.Delete(ctx, "absent"))

	for name, want := range map[string][]byte{"empty": {}, "bytes": []byte("\x00sealed\xff"), "": []byte("x"), "ключ/☃": []byte("y")} {
		require.NoError(t, store.Save(ctx, name, want))
		record, err := store.Load(ctx, name)
		require.NoError(t, err)
		require.Equal(t, want, record, name)
	}

	require.NoError(t, store.Save(ctx, "bytes", []byte("newer")))
	record, err = store.Load(ctx, "bytes")
	require.NoError(t, err)
	require.Equal(t, "newer", string(record))

	require.NoError(t, store.Delete(ctx, "bytes"))
	record, err = store.Load(ctx, "bytes")
	require.NoError(t, err)
	require.Nil(t, record)
	record, err = store.Load(ctx, "empty")
	require.NoError(t, err)
	require.NotNil(t, record, "an empty record is not an absent one")
}

func TestRecordsOutliveTheConnection(t *testing.T) {
	first := openTest(t)
	require.NoError(t, NewStore(first).Save(t.Context(), "a", []byte("kept")))
	require.NoError(t, first.Close())

	second := openTest(t)
	record, err := NewStore(second).Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "kept", string(record))
}

func TestConcurrentUse(t *testing.T) {
	store := NewStore(openTest(t))
	failures := make(chan error, 20)
	for range cap(failures) {
		go func() {
			_, err := store.Load(t.Context(), "a")
			failures <- errors.Join(err, store.Save(t.Context(), "a", []byte("x")))
		}()
	}
	for range cap(failures) {
		require.NoError(t, <-failures)
	}
}

func TestKeys(t *testing.T) {
	db := openTest(t)
	ctx := t.Context()

	key, err := db.LoadKey(ctx, "k")
	require.NoError(t, err)
	require.True(t, key.IsUndefined())

	first, err := js.ValueOf("first")
	require.NoError(t, err)
	second, err := js.ValueOf("second")
	require.NoError(t, err)
	require.NoError(t, db.AddKey(ctx, "k", first))
	require.ErrorIs(t, db.AddKey(ctx, "k", second), ErrExists)

	key, err = db.LoadKey(ctx, "k")
	require.NoError(t, err)
	require.True(t, key.Equal(first), "the first key stays")
}

func TestValueThatCannotBeStored(t *testing.T) {
	db := openTest(t)
	var script browser.Script
	function := script.Global("fetch")
	require.NoError(t, script.Err())
	require.ErrorIs(t, db.AddKey(t.Context(), "k", function), &browser.Error{Name: "DataCloneError"})

	key, err := db.LoadKey(t.Context(), "k")
	require.NoError(t, err)
	require.True(t, key.IsUndefined())
}

func TestRecordThatIsNotBytes(t *testing.T) {
	db := openTest(t)
	_, err := db.run(t.Context(), recordStore, readWrite, func(script *browser.Script, records js.Value) js.Value {
		return script.Call(records, "put", "a text", "a")
	})
	require.NoError(t, err)
	_, err = NewStore(db).Load(t.Context(), "a")
	require.Error(t, err)
}

func TestOtherTabDeletesTheDatabase(t *testing.T) {
	db := openTest(t)
	store := NewStore(db)
	require.NoError(t, store.Save(t.Context(), "a", []byte("x")))
	before := db.Generation()

	deleteDatabase(t, db.name) // fails when our connection blocks it
	require.NotEqual(t, before, db.Generation())

	record, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Nil(t, record)
	require.NoError(t, store.Save(t.Context(), "a", []byte("y")), "works with the new database")
}

func TestConnectionThatTheBrowserClosed(t *testing.T) {
	tests := map[string]func(t *testing.T, c *connection){
		"with its event": func(t *testing.T, c *connection) {
			var script browser.Script
			script.Call(c.database, "dispatchEvent", script.New("Event", "close"))
			require.NoError(t, script.Err())
			require.True(t, c.ended.Load())
		},
		"before its event": func(t *testing.T, c *connection) {
			var script browser.Script
			script.Call(c.database, "close")
			require.NoError(t, script.Err())
			require.False(t, c.ended.Load())
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			store := NewStore(db)
			require.NoError(t, store.Save(t.Context(), "a", []byte("x")))
			before := db.Generation()
			lose(t, db.conn)

			record, err := store.Load(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, "x", string(record))
			require.Equal(t, before+1, db.Generation())
		})
	}
}

func TestTransactionThatTheBrowserAborted(t *testing.T) {
	tests := map[string]struct {
		aborts, attempts int
		err              error
	}{
		"once":          {1, 2, nil},
		"again":         {2, 2, ErrLost},
		"for no reason": {2, 2, browser.ErrAborted},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			attempts := 0
			_, err := db.run(t.Context(), recordStore, readWrite, func(script *browser.Script, records js.Value) js.Value {
				attempts++
				result := script.Call(records, "put", "value", "a")
				if attempts <= test.aborts {
					script.Call(script.Get(records, "transaction"), "abort")
				}
				return result
			})
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.attempts, attempts)
		})
	}
}

// The runner limits the storage of its origin to 16 MiB.
func TestQuotaExceeded(t *testing.T) {
	store := NewStore(openTest(t))
	require.NoError(t, store.Save(t.Context(), "a", []byte("small")))
	large := make([]byte, 32<<20)
	_, err := rand.Read(large) // the browser compresses what it stores
	require.NoError(t, err)
	require.ErrorIs(t, store.Save(t.Context(), "a", large), browser.ErrQuotaExceeded)

	record, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "small", string(record))
}

func TestContextEnds(t *testing.T) {
	db := openTest(t)
	store := NewStore(db)
	require.NoError(t, store.Save(t.Context(), "a", []byte("x")))
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	t.Run("before", func(t *testing.T) {
		require.ErrorIs(t, store.Save(ended, "a", []byte("y")), context.Canceled)
		_, err := Open(ended, "never")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("in the transaction", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := db.run(ctx, recordStore, readWrite, func(script *browser.Script, records js.Value) js.Value {
			cancel()
			return script.Call(records, "put", "y", "a")
		})
		require.ErrorIs(t, err, context.Canceled)
	})
	record, err := store.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "x", string(record))
}

func TestClosed(t *testing.T) {
	db := openTest(t)
	require.NoError(t, db.Close())
	require.NoError(t, db.Close(), "closing again does nothing")
	_, err := NewStore(db).Load(t.Context(), "a")
	require.ErrorIs(t, err, ErrClosed)
}

func TestOpenBlocked(t *testing.T) {
	stubborn := openTest(t)
	var script browser.Script
	script.Set(stubborn.conn.database, "onversionchange", js.Null())
	require.NoError(t, script.Err())

	_, err := open(t.Context(), stubborn.name, version+1)
	require.ErrorIs(t, err, ErrBlocked)

	// The open goes on in the browser. Once it succeeds, its connection must be
	// closed, or it would block the deletion.
	require.NoError(t, stubborn.Close())
	deleteDatabase(t, stubborn.name)
}

func TestOpenOlderVersion(t *testing.T) {
	newer, err := open(t.Context(), t.Name(), version+1)
	require.NoError(t, err)
	require.NoError(t, newer.Close())
	_, err = Open(t.Context(), t.Name())
	require.ErrorIs(t, err, &browser.Error{Name: "VersionError"})
	deleteDatabase(t, t.Name())
}

func TestOpenWithoutObjectStores(t *testing.T) {
	var script browser.Script
	request := script.Call(script.Global("indexedDB"), "open", t.Name(), version)
	require.NoError(t, script.Err())
	settle(t, request)
	script.Call(script.Get(request, "result"), "close")
	require.NoError(t, script.Err())

	db := openTest(t)
	_, err := NewStore(db).Load(t.Context(), "a")
	require.ErrorIs(t, err, &browser.Error{Name: "NotFoundError"})
}
