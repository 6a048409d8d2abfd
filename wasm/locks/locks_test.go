//go:build js && wasm

package locks

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
)

// count is how many locks of that name the browser has as held or as pending.
func count(t testing.TB, state, name string) int {
	t.Helper()
	var script browser.Script
	manager := script.Get(script.Global("navigator"), "locks")
	list := script.Get(script.Await(t.Context(), script.Call(manager, "query")), state)
	found := 0
	for i := range script.Length(list) {
		if script.Text(script.Get(script.Index(list, i), "name")) == name {
			found++
		}
	}
	require.NoError(t, script.Err())
	return found
}

// until asks the browser again and again, each time a turn of the event loop.
func until(t testing.TB, want int, state, name string) {
	t.Helper()
	for count(t, state, name) != want {
		require.NoError(t, t.Context().Err())
	}
}

func lock(t testing.TB, mode proxy.LockMode) func() {
	t.Helper()
	unlock, err := Locker{}.Lock(t.Context(), t.Name(), mode)
	require.NoError(t, err)
	t.Cleanup(unlock)
	return unlock
}

// locking is a call of Lock that goes on.
type locking struct {
	unlock func()
	err    error
}

func startLock(ctx context.Context, name string, mode proxy.LockMode) <-chan locking {
	result := make(chan locking, 1)
	go func() {
		unlock, err := Locker{}.Lock(ctx, name, mode)
		result <- locking{unlock, err}
	}()
	return result
}

func TestWhoWaitsForWhom(t *testing.T) {
	tests := map[string]struct {
		held, wanted proxy.LockMode
		waits        bool
	}{
		"exclusive for exclusive": {proxy.Exclusive, proxy.Exclusive, true},
		"exclusive for shared":    {proxy.Shared, proxy.Exclusive, true},
		"shared for exclusive":    {proxy.Exclusive, proxy.Shared, true},
		"shared beside shared":    {proxy.Shared, proxy.Shared, false},
		"unknown is exclusive":    {proxy.Shared, proxy.LockMode(7), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			unlock := lock(t, test.held)
			wanted := startLock(t.Context(), t.Name(), test.wanted)
			if test.waits {
				until(t, 1, "pending", t.Name())
				select {
				case <-wanted:
					t.Fatal("granted while the other is held")
				default:
				}
				unlock()
			}
			got := <-wanted
			require.NoError(t, got.err)
			got.unlock()
			unlock()
			until(t, 0, "held", t.Name())
		})
	}
}

func TestLocksOfOtherNamesDoNotMatter(t *testing.T) {
	lock(t, proxy.Exclusive)
	unlock, err := Locker{}.Lock(t.Context(), t.Name()+" other", proxy.Exclusive)
	require.NoError(t, err)
	unlock()
}

func TestUnlockAgainDoesNotUnlockTheNext(t *testing.T) {
	unlock := lock(t, proxy.Exclusive)
	unlock()
	lock(t, proxy.Exclusive)
	unlock()
	require.Equal(t, 1, count(t, "held", t.Name()))
}

func TestManyTakeTurns(t *testing.T) {
	const many = 20
	holders, most := 0, 0
	done := make(chan error, many)
	for range many {
		go func() {
			unlock, err := Locker{}.Lock(t.Context(), t.Name(), proxy.Exclusive)
			if err == nil {
				holders++
				most = max(most, holders)
				count(t, "held", t.Name()) // the event loop turns under the lock
				holders--
				unlock()
			}
			done <- err
		}()
	}
	for range many {
		require.NoError(t, <-done)
	}
	require.Equal(t, 1, most)
}

func TestContextEndsTheWait(t *testing.T) {
	unlock := lock(t, proxy.Exclusive)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := startLock(ctx, t.Name(), proxy.Exclusive)
	until(t, 1, "pending", t.Name())

	cancel()
	got := <-waiting
	require.ErrorIs(t, got.err, context.Canceled)
	require.Nil(t, got.unlock)
	until(t, 0, "pending", t.Name())

	unlock()
	lock(t, proxy.Exclusive) // nobody else holds it
}

// Lock withdraws a request that may have been granted at the same moment.
func TestWithdrawnAfterTheGrant(t *testing.T) {
	r, err := newRequest(t.Name(), proxy.Exclusive)
	require.NoError(t, err)
	<-r.granted
	require.Equal(t, 1, count(t, "held", t.Name()))
	require.NoError(t, r.withdraw())
	until(t, 0, "held", t.Name())
}

func TestContextEndsBeforeAndAfter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	unlock, err := Locker{}.Lock(ctx, t.Name(), proxy.Exclusive)
	require.NoError(t, err)
	cancel()
	require.Equal(t, 1, count(t, "held", t.Name()), "what is held stays held")
	unlock()

	_, err = Locker{}.Lock(ctx, t.Name(), proxy.Exclusive)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNameThatTheBrowserReserves(t *testing.T) {
	_, err := Locker{}.Lock(t.Context(), "-reserved", proxy.Exclusive)
	require.ErrorIs(t, err, &browser.Error{Name: "NotSupportedError"})
}
