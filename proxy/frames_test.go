package proxy

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestLogoutReachesEveryFrameBeforeItReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		here, there, third := origin.open(), origin.open(), origin.open()
		here.signIn(t)
		for _, frame := range []*frame{there, third} {
			require.Equal(t, accessToken(1), bearer(frame.get(t.Context())), "the sign-in of one frame is that of all")
		}
		began := time.Now()
		require.Equal(t, []string{"ok"}, here.call(t.Context(), protocol.CallLogout, "main"))
		for _, frame := range []*frame{here, there, third} {
			require.Nil(t, frame.sessions.peek("main"), "no frame has it in memory any more")
			requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		}
		require.Zero(t, time.Since(began), "no frame was waited for in vain")
		synctest.Wait()
		require.Equal(t, []string{"main signedin", "main signedout"}, there.heard())
	})
}

// withFrozen is an origin with two frames that have the token in memory; the
// second hears nothing any more. It needs a bubble of synctest.
func withFrozen(t testing.TB) (o *origin, here, frozen *frame) {
	t.Helper()
	o, here = signedIn(t)
	frozen = o.open()
	require.NotEmpty(t, bearer(frozen.get(t.Context())))
	synctest.Wait()
	frozen.freeze()
	return o, here, frozen
}

func TestLogoutWaitsForAFrameThatIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, here, there := withFrozen(t)
		began := time.Now()
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			here.call(t.Context(), protocol.CallRemove, "main")
		}()
		require.NoError(t, pause(t.Context(), barrierTimeout/2))
		select {
		case <-returned:
			t.Error("the sign-out has returned while a frame had the token")
		default:
		}
		there.Heard(busMessage(Event{Client: "main", Name: protocol.EventSignedOut}))
		<-returned
		require.Equal(t, barrierTimeout/2, time.Since(began))
	})
}

func TestLogoutDoesNotWaitForAFrozenFrameForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, here, _ := withFrozen(t)
		began := time.Now()
		require.Equal(t, []string{"ok"}, here.call(t.Context(), protocol.CallRemove, "main"))
		require.Equal(t, barrierTimeout, time.Since(began))
		require.Nil(t, origin.store.record("session/main"))
		here.signIn(t)
		require.Equal(t, accessToken(2), bearer(here.get(t.Context())), "and others go on")
	})
}

// While tabs sign in, out and renew at random, no request that begins after a
// sign-out has returned gets the token of before.
func TestNoFrameUsesATokenThatTheStoreHasNot(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	frames := []*frame{origin.open(), origin.open(), origin.open()}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, frame := range frames {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					frame.get(t.Context())
					runtime.Gosched() // WebAssembly has one thread and does not preempt
				}
			}
		})
	}
	for round := range 50 {
		writer := frames[round%len(frames)]
		writer.signIn(t)
		signedIn := bearer(frames[(round+1)%len(frames)].get(t.Context()))
		require.NotEmpty(t, signedIn)
		if round%2 == 0 {
			require.Equal(t, []string{"ok"}, writer.call(t.Context(), protocol.CallRefresh, "main"))
			for _, frame := range frames {
				require.NotEqual(t, signedIn, bearer(frame.get(t.Context())))
			}
		}
		require.Equal(t, []string{"ok"}, writer.call(t.Context(), protocol.CallLogout, "main"))
		for _, frame := range frames {
			requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		}
	}
	close(stop)
	readers.Wait()
	require.Empty(t, origin.locks.held(), "no lock is left behind")
}

// A frame that reads the store while another writes it keeps nothing old, and
// what it keeps is under the lock that the next writer will take.
func TestLoadDuringAWrite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		operation string
		want      string
	}{
		{protocol.CallLogout, ""},
		{protocol.CallRefresh, accessToken(2)},
	}
	for _, tt := range tests {
		t.Run(tt.operation, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin := newOrigin(t)
				writer := origin.open()
				writer.signIn(t)
				reader, slow := origin.openSlowly(bus{writer})
				var got *session
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					got, err = reader.sessions.load(t.Context(), "main")
				}()
				synctest.Wait() // it has read the record and not yet locked it
				require.Equal(t, []string{"ok"}, writer.call(t.Context(), tt.operation, "main"))
				writer.sessions.drop("main")
				close(slow.gate)
				<-done
				require.NoError(t, err)
				require.Same(t, got, reader.sessions.peek("main"))
				if tt.want == "" {
					require.Nil(t, got)
					require.Empty(t, origin.locks.held())
					return
				}
				require.Equal(t, tt.want, got.access.Expose())
				require.Equal(t, []string{cacheLock("main", got.generation)}, origin.locks.held())
			})
		})
	}
}

// slowStore hands out what it read only when the gate opens.
type slowStore struct {
	Store
	gate chan struct{}
}

// openSlowly opens a frame that reads from a slow store.
func (o *origin) openSlowly(bus Bus) (*Proxy, *slowStore) {
	slow := &slowStore{Store: o.store, gate: make(chan struct{})}
	return New(o.table, Browser{
		Store: slow, Sealer: xorSealer{}, Locker: o.locks, Fetcher: o.server, Bus: bus, Clock: o.clock,
	}, func(Event) {}), slow
}

func (s *slowStore) Load(ctx context.Context, name string) ([]byte, error) {
	record, err := s.Store.Load(ctx, name)
	<-s.gate
	return record, err
}

func TestWarm(t *testing.T) {
	t.Parallel()
	origin := newOrigin(t)
	origin.open().signIn(t)
	frame := origin.open()
	require.Equal(t, Await, frame.Begin(1, targetOf(apiURL), request{url: apiURL}.pairs()).Action)
	frame.Warm(t.Context())
	require.Equal(t, accessToken(1), bearer(frame.Begin(2, targetOf(apiURL), request{url: apiURL}.pairs())), "the first request waits for nothing")
}

// What comes while the session is being read waits for it, and reads nothing.
func TestOneReadForAllRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		origin.open().signIn(t)
		late, slow := origin.openSlowly(nil)
		before := origin.store.loads
		var all sync.WaitGroup
		load := func() {
			got, err := late.sessions.load(t.Context(), "main")
			assert.NoError(t, err)
			assert.Equal(t, accessToken(1), got.access.Expose())
		}
		all.Go(load)
		synctest.Wait() // it has read the record and not yet locked it
		for range 20 {
			all.Go(load)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var impatient error
		all.Go(func() { _, impatient = late.sessions.load(ctx, "main") })
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, impatient, context.Canceled)
		close(slow.gate)
		all.Wait()
		require.Equal(t, 2, origin.store.loads-before, "one before the lock, one behind it")
	})
}

// A sign-in that is stored while others look for the session is not missed by who
// looks behind it.
func TestALoadThatFindsNothingIsNoAnswerForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		late, slow := origin.openSlowly(nil)
		var first, second *session
		var all sync.WaitGroup
		all.Go(func() { first, _ = late.sessions.load(t.Context(), "main") })
		synctest.Wait() // it has read that there is none
		origin.open().signIn(t)
		all.Go(func() { second, _ = late.sessions.load(t.Context(), "main") })
		synctest.Wait()
		close(slow.gate)
		all.Wait()
		require.Nil(t, first)
		require.NotNil(t, second)
	})
}

func TestHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, frame := signedIn(t)
		frame.get(t.Context())
		for _, message := range []string{"", "signedout", "x"} {
			frame.Heard(message)
		}
		frame.Heard(busMessage(Event{Client: "unknown", Name: protocol.EventSignedOut}))
		synctest.Wait()
		require.NotNil(t, frame.sessions.peek("main"), "what is no message is dropped")
		frame.Heard(busMessage(Event{Client: "main", Name: protocol.EventRefreshed}))
		frame.Heard(busMessage(Event{Client: "main", Name: ""}))
		synctest.Wait()
		require.NotNil(t, frame.sessions.peek("main"), "and read again")
		require.Equal(t, []string{"main signedin", "unknown signedout", "main refreshed"}, frame.heard())
	})
}
