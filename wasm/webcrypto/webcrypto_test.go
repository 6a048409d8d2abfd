//go:build js && wasm

package webcrypto_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
	"tokenvault/wasm/idb"
	"tokenvault/wasm/webcrypto"
)

// openDB opens the test's database; opened twice it is two connections, as of
// two tabs. The profile is new, so the database begins empty.
func openDB(t testing.TB) *idb.DB {
	t.Helper()
	db, err := idb.Open(t.Context(), t.Name())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func newSealer(t testing.TB, db *idb.DB) *webcrypto.Sealer {
	t.Helper()
	sealer, err := webcrypto.NewSealer(t.Context(), db)
	require.NoError(t, err)
	return sealer
}

func seal(t testing.TB, sealer *webcrypto.Sealer, plaintext, additional string) []byte {
	t.Helper()
	sealed, err := sealer.Seal(t.Context(), []byte(plaintext), []byte(additional))
	require.NoError(t, err)
	return sealed
}

// storedKey is the CryptoKey in the database.
func storedKey(t testing.TB, db *idb.DB) js.Value {
	t.Helper()
	key, err := db.LoadKey(t.Context(), "records")
	require.NoError(t, err)
	require.False(t, key.IsUndefined())
	return key
}

func TestSealedRecordsOpen(t *testing.T) {
	sealer := newSealer(t, openDB(t))
	tests := map[string]struct{ plaintext, additional string }{
		"record":             {`{"access_token":"secret"}`, "1\x00main\x00tokens"},
		"nothing":            {"", "1\x00main\x00tokens"},
		"no additional data": {"secret", ""},
		"large":              {strings.Repeat("secret", 1<<16), "x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sealed := seal(t, sealer, test.plaintext, test.additional)
			require.Len(t, sealed, 12+len(test.plaintext)+16)
			require.NotContains(t, string(sealed), "secret")
			plaintext, err := sealer.Open(t.Context(), sealed, []byte(test.additional))
			require.NoError(t, err)
			require.Equal(t, test.plaintext, string(plaintext))
		})
	}
}

func TestOtherRecordsDoNotOpen(t *testing.T) {
	sealer := newSealer(t, openDB(t))
	sealed := seal(t, sealer, "secret", "1\x00main\x00tokens")
	flipped := func(i int) []byte {
		changed := append([]byte{}, sealed...)
		changed[i] ^= 1
		return changed
	}
	tests := map[string]struct {
		sealed     []byte
		additional string
	}{
		"another name":        {sealed, "1\x00main\x00other"},
		"no additional data":  {sealed, ""},
		"changed IV":          {flipped(0), "1\x00main\x00tokens"},
		"changed ciphertext":  {flipped(12), "1\x00main\x00tokens"},
		"changed tag":         {flipped(len(sealed) - 1), "1\x00main\x00tokens"},
		"cut off":             {sealed[:len(sealed)-1], "1\x00main\x00tokens"},
		"shorter than a seal": {sealed[:27], "1\x00main\x00tokens"},
		"empty":               {nil, "1\x00main\x00tokens"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plaintext, err := sealer.Open(t.Context(), test.sealed, []byte(test.additional))
			require.ErrorIs(t, err, webcrypto.ErrOpen)
			require.Nil(t, plaintext)
		})
	}
}

func TestEverySealHasItsOwnIV(t *testing.T) {
	sealer := newSealer(t, openDB(t))
	seen := map[string]bool{}
	for range 50 {
		iv := string(seal(t, sealer, "secret", "")[:12])
		require.False(t, seen[iv])
		seen[iv] = true
	}
}

func TestKeyIsNotExtractable(t *testing.T) {
	db := openDB(t)
	newSealer(t, db)
	key := storedKey(t, db)
	for _, format := range []string{"raw", "jwk"} {
		t.Run(format, func(t *testing.T) {
			var script browser.Script
			subtle := script.Get(script.Global("crypto"), "subtle")
			script.Await(t.Context(), script.Call(subtle, "exportKey", format, key))
			require.ErrorIs(t, script.Err(), &browser.Error{Name: "InvalidAccessError"})
		})
	}
}

func TestKeyOutlivesTheConnection(t *testing.T) {
	first := openDB(t)
	sealed := seal(t, newSealer(t, first), "secret", "a")
	require.NoError(t, first.Close())

	plaintext, err := newSealer(t, openDB(t)).Open(t.Context(), sealed, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(plaintext))
}

func TestTabsThatStartTogetherAgreeOnTheKey(t *testing.T) {
	const tabs = 5
	type started struct {
		sealer *webcrypto.Sealer
		err    error
	}
	results := make(chan started, tabs)
	for range tabs {
		db := openDB(t)
		go func() {
			sealer, err := webcrypto.NewSealer(t.Context(), db)
			results <- started{sealer, err}
		}()
	}
	var sealers []*webcrypto.Sealer
	for range tabs {
		result := <-results
		require.NoError(t, result.err)
		sealers = append(sealers, result.sealer)
	}
	for _, writer := range sealers {
		sealed := seal(t, writer, "secret", "a")
		for _, reader := range sealers {
			_, err := reader.Open(t.Context(), sealed, []byte("a"))
			require.NoError(t, err)
		}
	}
}

func TestKeyOfADeletedDatabaseIsForgotten(t *testing.T) {
	here := newSealer(t, openDB(t))
	old := seal(t, here, "secret", "a")

	var script browser.Script
	script.Call(script.Global("indexedDB"), "deleteDatabase", t.Name())
	require.NoError(t, script.Err())
	there := newSealer(t, openDB(t)) // opened after the deletion: requests are in order

	_, err := there.Open(t.Context(), seal(t, here, "secret", "a"), []byte("a"))
	require.NoError(t, err)
	_, err = here.Open(t.Context(), old, []byte("a"))
	require.ErrorIs(t, err, webcrypto.ErrOpen)
}

func TestForeignKeysAreRefused(t *testing.T) {
	tests := map[string]struct {
		algorithm   map[string]any
		extractable bool
	}{
		"extractable":       {map[string]any{"name": "AES-GCM", "length": 256}, true},
		"short":             {map[string]any{"name": "AES-GCM", "length": 128}, false},
		"another algorithm": {map[string]any{"name": "AES-CBC", "length": 256}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			var script browser.Script
			subtle := script.Get(script.Global("crypto"), "subtle")
			generating := script.Call(subtle, "generateKey", test.algorithm, test.extractable, []any{"encrypt", "decrypt"})
			key := script.Await(t.Context(), generating)
			require.NoError(t, script.Err())
			require.NoError(t, db.AddKey(t.Context(), "records", key))
			_, err := webcrypto.NewSealer(t.Context(), db)
			require.ErrorIs(t, err, webcrypto.ErrKey)
		})
	}
	t.Run("not a key", func(t *testing.T) {
		db := openDB(t)
		text, err := js.ValueOf("key")
		require.NoError(t, err)
		require.NoError(t, db.AddKey(t.Context(), "records", text))
		_, err = webcrypto.NewSealer(t.Context(), db)
		require.ErrorIs(t, err, webcrypto.ErrKey)
	})
}

func TestSealerEndsWithItsContext(t *testing.T) {
	sealer := newSealer(t, openDB(t))
	sealed := seal(t, sealer, "secret", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := webcrypto.NewSealer(ctx, openDB(t))
	require.ErrorIs(t, err, context.Canceled)
	_, err = sealer.Seal(ctx, make([]byte, 1<<20), nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = sealer.Open(ctx, sealed, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRandomID(t *testing.T) {
	first, err := webcrypto.RandomID()
	require.NoError(t, err)
	require.Regexp(t, "^[0-9a-f]{32}$", first)
	second, err := webcrypto.RandomID()
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}
