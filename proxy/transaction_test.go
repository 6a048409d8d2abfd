package proxy

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

func TestTransactionsAreKeptAsTheyAre(t *testing.T) {
	t.Parallel()
	now := newOrigin(t).clock()
	begun := timestamp(now)
	want := []transaction{
		{id: "1", purpose: purposeSignIn, owner: "whose", begun: begun, request: "client=main", nonce: secretOf("n"), verifier: secretOf("v")},
		{id: "2", purpose: purposeAccountChange, owner: "whose", begun: begun, session: &session{generation: 7, grant: grant{access: secretOf("a")}, claims: `{"sub":"bob"}`}},
		{id: "3", purpose: purposeSignedOut, owner: "whose", begun: begun, request: "client=main&return_to=x"},
		{id: "4", purpose: purposeSignOut, owner: "whose", begun: begun, session: &session{id: secretOf("i"), refresh: secretOf("r")}},
	}
	all := decodeTransactions(encodeTransactions(want))
	require.Equal(t, want, all)
	open, old := openAmong(all, now)
	require.Equal(t, want, open)
	require.Empty(t, old)
	open, old = openAmong(all, now.Add(transactionLifetime))
	require.Empty(t, open)
	require.Equal(t, want, old)
}

// keep has a transaction open, and returns its id.
func (w *window) keep(t testing.TB, purpose string, of *session) string {
	t.Helper()
	next, err := w.proxy.newTransaction(purpose, loginRequest{client: w.rig.client}, of)
	require.NoError(t, err)
	require.NoError(t, w.remember(t.Context(), next))
	return next.id
}

func TestTransactionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	now := newOrigin(t).clock()
	begun := timestamp(now)
	fields := func(id, purpose, begun, session string) []string {
		return []string{id, purpose, authIssuer, begun, "client=main", "n", "v", session}
	}
	good := fields("good", purposeSignIn, begun, "")
	for name, tt := range map[string]struct {
		record []byte
		want   []string // ids
	}{
		"good":                             {protocol.Pack(nil, append(good[:8:8], good...)...), []string{"good", "good"}},
		"nothing":                          {nil, nil},
		"garbage":                          {[]byte("garbage"), nil},
		"something behind":                 {append(protocol.Pack(nil, good...), 'x'), nil},
		"half a transaction behind":        {protocol.Pack(nil, append(good[:8:8], good[:3]...)...), []string{"good"}},
		"a session of another version":     {protocol.Pack(nil, append(fields("bad", purposeAccountChange, begun, "x"), good...)...), []string{"good"}},
		"no session in an account change":  {protocol.Pack(nil, append(fields("bad", purposeAccountChange, begun, ""), good...)...), []string{"good"}},
		"a time that is none":              {protocol.Pack(nil, append(fields("bad", purposeSignIn, "soon", ""), good...)...), []string{"good"}},
		"a negative time":                  {protocol.Pack(nil, append(fields("bad", purposeSignIn, "-"+begun, ""), good...)...), []string{"good"}},
		"a time at the end of all numbers": {protocol.Pack(nil, append(fields("bad", purposeSignIn, "999999999999999999", ""), good...)...), []string{"good"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open, _ := openAmong(decodeTransactions(tt.record), now)
			var ids []string
			for _, each := range open {
				ids = append(ids, each.id)
			}
			require.Equal(t, tt.want, ids)
		})
	}
}

func TestOneTransactionTooMany(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	var windows []*window
	var answers []form
	for range maxTransactions + 1 {
		window := rig.window()
		windows = append(windows, window)
		answers = append(answers, window.authorize(t, window.login(t, aliceLogin)))
	}
	require.Len(t, rig.transactions(t), maxTransactions)
	requireView(t, windows[0].callback(t, answers[0]), ViewStale)
	requireNothing(t, rig)
	for i := 1; i < len(windows); i++ {
		require.Equal(t, aliceHome, windows[i].callback(t, answers[i]).URL, i)
	}
	require.Empty(t, rig.transactions(t))
}

// Tokens of an account change that nobody can confirm any more are live, and nobody's.
func TestDroppedAccountChangesAreRevoked(t *testing.T) {
	t.Parallel()
	pending := func(t *testing.T, rig *pagesRig, count int) {
		t.Helper()
		require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
		rig.claims = jwt.MapClaims{"sub": "bob"}
		for range count {
			requireView(t, rig.window().signIn(t, aliceLogin), ViewAccountChange)
		}
	}
	t.Run("too old, when the next sign-in begins", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		pending(t, rig, 1)
		rig.advance(transactionLifetime - time.Millisecond)
		rig.window().login(t, aliceLogin)
		require.Empty(t, revocations(rig.origin), "it can still be confirmed")
		rig.advance(time.Millisecond)
		rig.window().login(t, aliceLogin)
		require.Equal(t, secondRevoked, revocations(rig.origin))
		rig.window().login(t, aliceLogin)
		require.Len(t, revocations(rig.origin), 2, "once")
	})
	t.Run("pushed out", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		pending(t, rig, 1)
		for range maxTransactions - 1 {
			rig.window().login(t, aliceLogin)
		}
		require.Empty(t, revocations(rig.origin))
		rig.window().login(t, aliceLogin)
		require.Equal(t, secondRevoked, revocations(rig.origin))
	})
	t.Run("not while the store still has it", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		pending(t, rig, 1)
		rig.advance(transactionLifetime)
		rig.store.fail(nil, errDisk, nil)
		requireView(t, rig.window().login(t, aliceLogin), ViewStorage)
		require.Empty(t, revocations(rig.origin))
	})
	t.Run("not at another server", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		pending(t, rig, 1)
		rig.advance(transactionLifetime)
		rig.client.Issuer = "https://new.example.com"
		require.NotEmpty(t, rig.window().login(t, aliceLogin).URL)
		require.Empty(t, revocations(rig.origin))
	})
	t.Run("a server that does not answer holds nobody up for long", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig := newRig(t)
			pending(t, rig, 4)
			rig.advance(transactionLifetime)
			rig.server.bend(func(ctx context.Context, r FetchRequest) (FetchResponse, error) {
				require.NotContains(t, rig.locks.held(), transactionsLock)
				return hang(ctx, r)
			})
			began := time.Now()
			require.NotEmpty(t, rig.window().login(t, aliceLogin).URL)
			require.Equal(t, 2*revokeTimeout, time.Since(began), "all of them at once")
			require.Len(t, revocations(rig.origin), 8)
		})
	})
}

func TestTakeIsForOnePurpose(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	window := rig.window()
	purposes := []string{purposeSignIn, purposeAccountChange, purposeSignedOut}
	for _, purpose := range purposes {
		id := window.keep(t, purpose, &session{grant: grant{access: secretOf("a")}})
		for _, other := range purposes {
			if other != purpose {
				_, err := window.take(t.Context(), id, other)
				require.ErrorIs(t, err, errUnknownTransaction, fmt.Sprint(purpose, " as ", other))
			}
		}
		found, err := window.take(t.Context(), id, purpose)
		require.NoError(t, err)
		require.Equal(t, id, found.id)
		_, err = window.take(t.Context(), id, purpose)
		require.ErrorIs(t, err, errUnknownTransaction, "once")
	}
}

// Many windows take one transaction at the same moment: one of them has it.
func TestTakeIsAtomic(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	id := rig.window().keep(t, purposeSignedOut, nil)
	results := make(chan error)
	for range 8 {
		go func() {
			_, err := rig.window().take(context.Background(), id, purposeSignedOut)
			results <- err
		}()
	}
	taken := 0
	for range 8 {
		if err := <-results; err == nil {
			taken++
		} else {
			require.ErrorIs(t, err, errUnknownTransaction)
		}
	}
	require.Equal(t, 1, taken)
}
