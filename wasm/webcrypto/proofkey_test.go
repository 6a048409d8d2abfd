//go:build js && wasm

package webcrypto_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
	"tokenvault/wasm/idb"
	"tokenvault/wasm/js"
	"tokenvault/wasm/webcrypto"
)

func newProofKey(t testing.TB, db *idb.DB, client string) proxy.ProofKey {
	t.Helper()
	key, err := webcrypto.NewProofKeys(db).ProofKey(t.Context(), client)
	require.NoError(t, err)
	return key
}

// point is a public key as a JWK has it.
func point(key proxy.ProofKey) [2]string {
	x, y := key.Public()
	return [2]string{x, y}
}

// generatePair makes a key pair as a test wants it.
func generatePair(t testing.TB, algorithm map[string]any, extractable bool, usages ...any) js.Value {
	t.Helper()
	var script browser.Script
	subtle := script.Get(script.Global("crypto"), "subtle")
	pair := script.Await(t.Context(), script.Call(subtle, "generateKey", algorithm, extractable, usages))
	require.NoError(t, script.Err())
	return pair
}

func TestProofKeySigns(t *testing.T) {
	db := openDB(t)
	key := newProofKey(t, db, "main")
	signature, err := key.Sign(t.Context(), []byte("signed"))
	require.NoError(t, err)
	require.Len(t, signature, 64, "r and s, as JOSE has them")

	pair, err := db.LoadKey(t.Context(), "dpop/main")
	require.NoError(t, err)
	for text, want := range map[string]bool{"signed": true, "other": false} {
		var script browser.Script
		subtle := script.Get(script.Global("crypto"), "subtle")
		algorithm := map[string]any{"name": "ECDSA", "hash": "SHA-256"}
		verified := script.Await(t.Context(), script.Call(subtle, "verify", algorithm,
			script.Get(pair, "publicKey"), script.Uint8Array(signature), script.Uint8Array([]byte(text))))
		require.Equal(t, want, script.Bool(verified))
		require.NoError(t, script.Err())
	}
}

func TestProofKeyIsNotExtractable(t *testing.T) {
	db := openDB(t)
	newProofKey(t, db, "main")
	pair, err := db.LoadKey(t.Context(), "dpop/main")
	require.NoError(t, err)
	for _, format := range []string{"pkcs8", "jwk"} {
		t.Run(format, func(t *testing.T) {
			var script browser.Script
			subtle := script.Get(script.Global("crypto"), "subtle")
			private := script.Get(pair, "privateKey")
			require.NoError(t, script.Err())
			script.Await(t.Context(), script.Call(subtle, "exportKey", format, private))
			require.ErrorIs(t, script.Err(), &browser.Error{Name: "InvalidAccessError"})
		})
	}
}

func TestProofKeyIsOneForAClient(t *testing.T) {
	db := openDB(t)
	const tabs = 5
	keys := make(chan proxy.ProofKey, tabs)
	errs := make(chan error, tabs)
	for range tabs {
		db := openDB(t)
		go func() {
			key, err := webcrypto.NewProofKeys(db).ProofKey(t.Context(), "main")
			keys <- key
			errs <- err
		}()
	}
	var first [2]string
	for i := range tabs {
		key := <-keys
		require.NoError(t, <-errs)
		if i == 0 {
			first = point(key)
		}
		require.Equal(t, first, point(key), "tabs that start together agree")
	}
	require.Equal(t, first, point(newProofKey(t, db, "main")))
	require.NotEqual(t, first, point(newProofKey(t, db, "other")))
}

func TestProofKeyOfADeletedDatabaseIsForgotten(t *testing.T) {
	keys := webcrypto.NewProofKeys(openDB(t))
	old, err := keys.ProofKey(t.Context(), "main")
	require.NoError(t, err)

	var script browser.Script
	script.Call(script.Global("indexedDB"), "deleteDatabase", t.Name())
	require.NoError(t, script.Err())
	there := newProofKey(t, openDB(t), "main") // opened after the deletion: requests are in order

	here, err := keys.ProofKey(t.Context(), "main")
	require.NoError(t, err)
	require.Equal(t, point(there), point(here))
	require.NotEqual(t, point(old), point(here))
}

func TestForeignProofKeysAreRefused(t *testing.T) {
	p256 := map[string]any{"name": "ECDSA", "namedCurve": "P-256"}
	both := []any{"sign", "verify"}
	rsa := func(script *browser.Script) map[string]any {
		return map[string]any{
			"name": "RSASSA-PKCS1-v1_5", "modulusLength": 2048,
			"publicExponent": script.Uint8Array([]byte{1, 0, 1}), "hash": "SHA-256",
		}
	}
	var script browser.Script
	tests := map[string]js.Value{
		"extractable":       generatePair(t, p256, true, both...),
		"another curve":     generatePair(t, map[string]any{"name": "ECDSA", "namedCurve": "P-384"}, false, both...),
		"another use":       generatePair(t, map[string]any{"name": "ECDH", "namedCurve": "P-256"}, false, "deriveKey"),
		"another algorithm": generatePair(t, rsa(&script), false, both...),
	}
	good := generatePair(t, p256, false, both...)
	twice := func(half string) js.Value {
		pair := script.New("Object")
		script.Set(pair, "privateKey", script.Get(good, half))
		script.Set(pair, "publicKey", script.Get(good, half))
		return pair
	}
	tests["two private halves"], tests["two public halves"] = twice("privateKey"), twice("publicKey")
	tests["one half"] = script.Get(good, "privateKey")
	tests["no pair"] = script.New("Object")
	require.NoError(t, script.Err())
	text, err := js.ValueOf("key")
	require.NoError(t, err)
	tests["no object"] = text
	for name, stored := range tests {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			require.NoError(t, db.AddKey(t.Context(), "dpop/main", stored))
			_, err := webcrypto.NewProofKeys(db).ProofKey(t.Context(), "main")
			require.ErrorIs(t, err, webcrypto.ErrProofKey)
		})
	}
}

func TestRandom(t *testing.T) {
	first, err := webcrypto.Random(32)
	require.NoError(t, err)
	second, err := webcrypto.Random(32)
	require.NoError(t, err)
	require.Len(t, first, 32)
	require.NotEqual(t, first, second)
}
