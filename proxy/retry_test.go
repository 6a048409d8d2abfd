package proxy

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

var invalidToken = []string{"www-authenticate", `Bearer realm="api", error="invalid_token", error_description="expired"`}

func TestWhenAResponseIsRetried(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		status  int
		headers []string
		want    Action
	}{
		{"invalid_token", 401, invalidToken, Await},
		{"invalid_token without quotes", 401, []string{"WWW-Authenticate", "Bearer error=invalid_token"}, Await},
		{"invalid_token in other letters", 401, []string{"www-authenticate", `BEARER ERROR="INVALID_TOKEN"`}, Await},
		{"no challenge", 401, nil, Deliver},
		{"a challenge without a reason", 401, []string{"www-authenticate", "Bearer"}, Deliver},
		{"insufficient_scope", 401, []string{"www-authenticate", `Bearer error="insufficient_scope"`}, Deliver},
		{"invalid_request", 401, []string{"www-authenticate", `Bearer error="invalid_request", error_description="no invalid_token"`}, Deliver},
		{"Basic", 401, []string{"www-authenticate", "Basic"}, Deliver},
		{"403", 403, invalidToken, Deliver},
		{"400", 400, invalidToken, Deliver},
		{"200", 200, invalidToken, Deliver},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			id, _ := frame.start(t.Context(), request{url: apiURL})
			answer := frame.Head(id, Response{Status: tt.status, Headers: tt.headers})
			require.Equal(t, tt.want, answer.Action)
			require.Zero(t, origin.server.refreshes())
			if tt.want == Deliver {
				require.Equal(t, tt.status, answer.Status)
			}
		})
	}
}

func TestTheEndOfASessionIsNotRetried(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: endURL})
	require.Equal(t, Deliver, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
}

func TestARetryIsMadeOnce(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	id, answer := frame.start(t.Context(), request{url: apiURL, headers: "x-a\n1\n"})
	require.Equal(t, accessToken(1), bearer(answer))
	require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
	answer = frame.Settle(t.Context(), id, nil)
	require.Equal(t, []string{"x-a", "1", "authorization", "Bearer " + accessToken(2)}, answer.Headers)
	answer = frame.Head(id, Response{Status: 401, Headers: invalidToken})
	require.Equal(t, Deliver, answer.Action, "the second 401 is the app's")
	require.Equal(t, 401, answer.Status)
	require.Equal(t, 1, origin.server.refreshes())
}

func TestARetryUsesWhatAnotherRequestHasRenewed(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	first, _ := frame.start(t.Context(), request{url: apiURL})
	second, _ := frame.start(t.Context(), request{url: apiURL})
	for _, id := range []uint32{first, second} {
		require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
		require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
	}
	require.Equal(t, 1, origin.server.refreshes())
}

func TestARetryThatHasNoToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(t *testing.T, origin *origin, frame *frame)
		status  int
		code    protocol.Code
	}{
		{"signed out meanwhile", func(t *testing.T, _ *origin, f *frame) {
			f.call(t.Context(), protocol.CallRemove, "main")
		}, 400, protocol.CodeNotSignedIn},
		{"invalid_grant", func(_ *testing.T, o *origin, _ *frame) {
			o.server.bend(always(jsonResponse(400, `{"error":"invalid_grant"}`), nil))
		}, 400, protocol.CodeSessionExpired},
		{"no network", func(_ *testing.T, o *origin, _ *frame) {
			o.server.bend(always(FetchResponse{}, ErrNetwork))
		}, 502, protocol.CodeRefreshFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := signedIn(t)
			id, _ := frame.start(t.Context(), request{url: apiURL})
			tt.prepare(t, origin, frame)
			require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
			requireRefusal(t, frame.Settle(t.Context(), id, nil), tt.status, tt.code)
		})
	}
}

const onlyToken = "the-only-token"

// onlyAccess is an origin with two frames, in which the first client has an
// access token and nothing to renew it with.
func onlyAccess(t testing.TB) (o *origin, here, there *frame) {
	t.Helper()
	o = newOrigin(t)
	o.server.bend(always(jsonResponse(200, `{"access_token":"`+onlyToken+`"}`), nil))
	here, there = o.open(), o.open()
	here.signIn(t)
	for _, frame := range []*frame{here, there} {
		require.Equal(t, onlyToken, bearer(frame.get(t.Context())))
	}
	return o, here, there
}

func TestARefusedTokenThatCannotBeRenewedIsForgottenInEveryFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, here, there := onlyAccess(t)
		const requests = 5
		var ids []uint32
		for range requests {
			id, _ := here.start(t.Context(), request{url: apiURL})
			require.Equal(t, Await, here.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
			ids = append(ids, id)
		}
		unlock, err := origin.locks.Lock(t.Context(), writeLock("main"), Exclusive)
		require.NoError(t, err)
		answers := make([]Answer, requests)
		var all sync.WaitGroup
		for i, id := range ids {
			all.Go(func() { answers[i] = here.Settle(t.Context(), id, nil) })
		}
		synctest.Wait() // each of them has seen the session, and would forget it
		unlock()
		all.Wait()
		synctest.Wait()

		for _, answer := range answers {
			requireRefusal(t, answer, 400, protocol.CodeSessionExpired)
		}
		require.Nil(t, origin.store.record("session/main"))
		for _, frame := range []*frame{here, there} {
			require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard(), "once")
			require.Equal(t, []string{"ok", "signedIn", "false"}, frame.call(t.Context(), protocol.CallStatus, "main"))
			requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		}
		require.Zero(t, origin.server.refreshes())
		require.Empty(t, revocations(origin), "the API has said that the token is dead")
		require.Empty(t, origin.locks.held())

		here.signIn(t)
		require.Equal(t, onlyToken, bearer(there.get(t.Context())), "a new sign-in works")
	})
}

// What the store has when a request with a refused token gets the write lock.
func TestARefusedTokenEndsItsOwnSessionOnly(t *testing.T) {
	t.Parallel()
	another := func(o *origin, change func(*session)) *session {
		next := &session{generation: 1 << 50, grant: grant{since: 1 << 50, access: secretOf("another-token"), expiresAt: o.clock().Add(time.Hour), lifetime: time.Hour}}
		change(next)
		return next
	}
	tests := []struct {
		name    string
		stored  func(o *origin) *session // nil: nothing
		deletes error
		token   string // that the request is sent with again
		status  int
		code    protocol.Code
		kept    bool
	}{
		{"another session", func(o *origin) *session { return another(o, func(*session) {}) }, nil, "another-token", 0, "", true},
		{"another session, expired", func(o *origin) *session {
			return another(o, func(s *session) { s.expiresAt = o.clock() })
		}, nil, "", 400, protocol.CodeSessionExpired, true},
		{"the same token in another session", func(o *origin) *session {
			return another(o, func(s *session) { s.access = secretOf(onlyToken) })
		}, nil, onlyToken, 0, "", true},
		{"nothing", func(*origin) *session { return nil }, nil, "", 400, protocol.CodeSessionExpired, false},
		{"the same session, and a disk that fails", nil, errDisk, "", 503, protocol.CodeStorageFailed, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin, here, _ := onlyAccess(t)
				id, _ := here.start(t.Context(), request{url: apiURL})
				require.Equal(t, Await, here.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
				unlock, err := origin.locks.Lock(t.Context(), writeLock("main"), Exclusive)
				require.NoError(t, err)
				answered := make(chan Answer)
				go func() { answered <- here.Settle(t.Context(), id, nil) }()
				synctest.Wait() // it waits for the lock
				origin.store.fail(nil, nil, tt.deletes)
				if tt.stored != nil {
					var record []byte
					if next := tt.stored(origin); next != nil {
						record = origin.sealed(t, "main", next)
					}
					origin.store.put("session/main", record)
				}
				unlock()
				answer := <-answered

				if tt.token != "" {
					require.Equal(t, tt.token, bearer(answer))
				} else {
					requireRefusal(t, answer, tt.status, tt.code)
				}
				require.Equal(t, tt.kept, origin.store.record("session/main") != nil)
				require.Equal(t, []string{"main signedin"}, here.heard(), "no sign-out is told that was none")
			})
		})
	}
}

// Generations tell the sessions of two sign-ins apart, also when the first has
// left the store.
func TestARetryAfterANewSignInDoesNotRefresh(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	frame.call(t.Context(), protocol.CallRemove, "main")
	origin.advance(time.Minute)
	frame.signIn(t)
	require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
	require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
	require.Zero(t, origin.server.refreshes())
}
