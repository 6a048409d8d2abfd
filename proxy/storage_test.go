package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestStorageFailures(t *testing.T) {
	t.Parallel()
	t.Run("a sign-in that cannot be stored is told", func(t *testing.T) {
		t.Parallel()
		origin := newOrigin(t)
		origin.store.fail(nil, errDisk, nil)
		frame := origin.open()
		answer := frame.post(t.Context(), tokenURL, signInForm)
		requireRefusal(t, answer, 503, protocol.CodeStorageFailed)
		require.NotContains(t, string(answer.Body), "disk is full", "the browser's text stays here")
		require.Empty(t, frame.heard())
		requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		require.Empty(t, origin.locks.held())
	})
	t.Run("tokens that cannot be read are told", func(t *testing.T) {
		t.Parallel()
		origin := newOrigin(t)
		origin.open().signIn(t)
		origin.store.fail(errDisk, nil, nil)
		frame := origin.open()
		requireRefusal(t, frame.get(t.Context()), 503, protocol.CodeStorageFailed)
		for _, operation := range []string{protocol.CallStatus, protocol.CallRefresh} {
			require.Equal(t, []string{"error", "storage_failed"}, frame.call(t.Context(), operation, "main")[:2])
		}
		origin.store.fail(nil, nil, nil)
		require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
	})
	t.Run("a refresh that cannot be stored is told, and the token at hand is used while it is good", func(t *testing.T) {
		t.Parallel()
		origin, frame := signedIn(t)
		frame.get(t.Context())
		origin.store.fail(nil, errDisk, nil)
		origin.advance(time.Hour - 20*time.Second)
		require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
		origin.advance(time.Hour)
		origin.server.live = refreshToken(1)
		requireRefusal(t, frame.get(t.Context()), 503, protocol.CodeStorageFailed)
		require.Equal(t, []string{"main signedin"}, frame.heard())
	})
	t.Run("a sign-out that cannot be stored is told", func(t *testing.T) {
		t.Parallel()
		origin, frame := signedIn(t)
		origin.store.fail(nil, nil, errDisk)
		for _, operation := range []string{protocol.CallLogout, protocol.CallRemove} {
			require.Equal(t, []string{"error", "storage_failed"}, frame.call(t.Context(), operation, "main")[:2])
		}
		requireRefusal(t, frame.post(t.Context(), revokeURL, "client_id=spa"), 503, protocol.CodeStorageFailed)
		require.Equal(t, []string{"main signedin"}, frame.heard())
	})
}

func TestRecordsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	sealed := func(t *testing.T, client, plain string) []byte {
		record, err := xorSealer{}.Seal(t.Context(), []byte(plain), additionalData(client))
		require.NoError(t, err)
		return record
	}
	good := (&session{generation: 1, access: secretOf("the-access-token")}).encode()
	for name, record := range map[string]func(t *testing.T) []byte{
		"garbage":               func(*testing.T) []byte { return []byte("garbage") },
		"empty":                 func(*testing.T) []byte { return []byte{} },
		"another client's":      func(t *testing.T) []byte { return sealed(t, "other", string(good)) },
		"of another format":     func(t *testing.T) []byte { return sealed(t, "main", "session-0") },
		"cut":                   func(t *testing.T) []byte { return sealed(t, "main", string(good[:len(good)-1])) },
		"with something behind": func(t *testing.T) []byte { return sealed(t, "main", string(good)+"\x00\x00\x00\x00") },
		"with words for numbers": func(t *testing.T) []byte {
			return sealed(t, "main", string(protocol.Pack(nil, sessionFormat, "x", "a", "r", "i", "", "0", "")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			frame := origin.open()
			origin.store.put("session/main", record(t))
			requireRefusal(t, frame.get(t.Context()), 503, protocol.CodeStorageFailed)

			frame.signIn(t) // the mend that the message names
			require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))

			origin.store.put("session/main", record(t))
			require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"), "it can be forgotten")
			require.Nil(t, origin.store.record("session/main"))
			require.Nil(t, frame.sessions.peek("main"))
		})
	}
}

// A sign-out that cannot read the record still waits for the other frames.
func TestSignOutOfAnUnreadableRecordReachesEveryFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		here, there := origin.open(), origin.open()
		here.signIn(t)
		here.get(t.Context())
		there.get(t.Context())
		origin.store.put("session/main", []byte("garbage"))
		require.Equal(t, []string{"ok"}, here.call(t.Context(), protocol.CallLogout, "main"))
		require.Nil(t, there.sessions.peek("main"))
	})
}

// A lock that another tab holds bounds the wait.
func TestAWriteLockThatIsNotGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := signedIn(t)
		unlock, err := origin.locks.Lock(t.Context(), writeLock("main"), Exclusive)
		require.NoError(t, err)
		began := time.Now()
		require.Equal(t, []string{"error", "vault_timeout"}, frame.call(t.Context(), protocol.CallLogout, "main")[:2])
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, accessToken(1), bearer(frame.get(t.Context())), "reading needs no write lock")
		unlock()
		require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"))
	})
}
