package proxy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
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

// failingSealer cannot seal.
type failingSealer struct{ xorSealer }

func (failingSealer) Seal(context.Context, []byte, []byte) ([]byte, error) { return nil, errDisk }

// mute reaches nobody.
type mute struct{}

func (mute) Publish(string) error { return errors.New("the channel is closed") }

func TestASignInThatCannotBeStoredIsRevoked(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, r FetchRequest) (FetchResponse, error) {
		if r.URL != revokeURL {
			return FetchResponse{}, nil
		}
		<-ctx.Done()
		return FetchResponse{}, ctx.Err()
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, o *origin, f *frame)
		want    []string // revocations
		takes   time.Duration
		status  int
		code    protocol.Code
		stored  string // the refresh token that is in the store afterwards
	}{
		{"the disk is full", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(nil, errDisk, nil)
		}, bothRevoked, 0, 503, protocol.CodeStorageFailed, ""},
		{"they cannot be sealed", func(_ *testing.T, _ *origin, f *frame) {
			f.sessions.sealer = failingSealer{}
		}, bothRevoked, 0, 503, protocol.CodeStorageFailed, ""},
		{"nothing can be read or written", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(errDisk, errDisk, errDisk)
		}, bothRevoked, 0, 503, protocol.CodeStorageFailed, ""},
		{"no refresh token", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(nil, errDisk, nil)
			o.server.bend(always(jsonResponse(200, `{"access_token":"the-only-token"}`), nil))
		}, []string{"access_token the-only-token spa"}, 0, 503, protocol.CodeStorageFailed, ""},
		{"no revocation endpoint", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(nil, errDisk, nil)
			o.table.Clients[0].Revocation = policy.Endpoint{}
		}, nil, 0, 503, protocol.CodeStorageFailed, ""},
		{"a server that does not answer", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(nil, errDisk, nil)
			o.server.bend(silent)
		}, bothRevoked, 2 * revokeTimeout, 503, protocol.CodeStorageFailed, ""},
		{"a server without a network", func(_ *testing.T, o *origin, _ *frame) {
			o.store.fail(nil, errDisk, nil)
			o.server.bend(func(_ context.Context, r FetchRequest) (FetchResponse, error) {
				if r.URL == revokeURL {
					return FetchResponse{}, ErrNetwork
				}
				return FetchResponse{}, nil
			})
		}, bothRevoked, 0, 503, protocol.CodeStorageFailed, ""},
		{"the session before stays", func(t *testing.T, o *origin, f *frame) {
			f.signIn(t)
			o.store.fail(nil, errDisk, nil)
		}, []string{"refresh_token " + refreshToken(2) + " spa", "access_token " + accessToken(2) + " spa"}, 0, 503, protocol.CodeStorageFailed, refreshToken(1)},
		{"another frame keeps the lock", func(t *testing.T, o *origin, _ *frame) {
			unlock, err := o.locks.Lock(t.Context(), writeLock("main"), Exclusive)
			require.NoError(t, err)
			t.Cleanup(unlock)
		}, bothRevoked, 30 * time.Second, 503, protocol.CodeVaultTimeout, ""},
		{"stored, and the other frames cannot be told", func(_ *testing.T, _ *origin, f *frame) {
			f.sessions.bus = mute{}
		}, nil, 0, 503, protocol.CodeVaultTimeout, refreshToken(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin := newOrigin(t)
				frame := origin.open()
				tt.prepare(t, origin, frame)
				before := frame.heard()
				began := time.Now()
				answer := frame.post(t.Context(), tokenURL, signInForm)
				requireRefusal(t, answer, tt.status, tt.code)
				require.Equal(t, tt.takes, time.Since(began))
				require.Equal(t, tt.want, revocations(origin), "the refresh token first")
				require.Equal(t, before, frame.heard())
				origin.store.fail(nil, nil, nil)
				if current := origin.stored(t, "main"); tt.stored == "" {
					require.Nil(t, current)
				} else {
					require.Equal(t, tt.stored, current.refresh.Expose())
				}
			})
		})
	}
}

// A lock that the vault still held would keep the other tabs from signing in.
func TestASignInThatIsRevokedHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		frame := origin.open()
		origin.store.fail(nil, errDisk, nil)
		origin.server.bend(func(_ context.Context, r FetchRequest) (FetchResponse, error) {
			if r.URL == revokeURL && len(origin.locks.held()) > 0 {
				t.Error("a lock is held during the revocation")
			}
			return FetchResponse{}, nil
		})
		requireRefusal(t, frame.post(t.Context(), tokenURL, signInForm), 503, protocol.CodeStorageFailed)
		require.Equal(t, bothRevoked, revocations(origin))
	})
}

func TestRecordsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	sealed := func(t *testing.T, client, plain string) []byte {
		return origin.sealedPlain(t, client, append(origin.sessions().owner("main"), plain...))
	}
	good := (&session{generation: 1, grant: grant{access: secretOf("the-access-token")}}).encode()
	for name, record := range map[string]func(t *testing.T) []byte{
		"garbage":               func(*testing.T) []byte { return []byte("garbage") },
		"empty":                 func(*testing.T) []byte { return []byte{} },
		"another client's":      func(t *testing.T) []byte { return sealed(t, "other", string(good)) },
		"of another format":     func(t *testing.T) []byte { return sealed(t, "main", "session-0") },
		"cut":                   func(t *testing.T) []byte { return sealed(t, "main", string(good[:len(good)-1])) },
		"with something behind": func(t *testing.T) []byte { return sealed(t, "main", string(good)+"\x00\x00\x00\x00") },
		"with words for numbers": func(t *testing.T) []byte {
			return sealed(t, "main", string(protocol.Pack(nil, sessionFormat, "x", "r", "i", "", "", "", "0", "a", "", "0")))
		},
		"with words for numbers of a token": func(t *testing.T) []byte {
			return sealed(t, "main", string(protocol.Pack(nil, sessionFormat, "1", "r", "i", "", "", "", "0", "a", "x", "0")))
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
