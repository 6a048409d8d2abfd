package proxy

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

const (
	listsURL    = "https://lists.example.com/a"
	mailURL     = "https://mail.example.com/a"
	userInfoURL = "https://auth.example.com/userinfo"
	listsAPI    = "https://lists.example.com/"
	mailAPI     = "urn:mail"
)

// several is an origin whose first client has resources with indicators, beside the
// one without.
func several(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin := newOrigin(t)
	client := &origin.table.Clients[0]
	client.Resources = append(client.Resources,
		policy.Rule{Origin: "https://lists.example.com", Path: "/*", Methods: []string{"GET"}, Indicator: listsAPI},
		policy.Rule{Origin: "https://mail.example.com", Path: "/*", Methods: []string{"GET"}, Indicator: mailAPI},
		policy.Rule{Origin: "https://mail2.example.com", Path: "/*", Methods: []string{"GET"}, Indicator: mailAPI},
	)
	return origin, origin.open()
}

// tokenFor returns the token that a request to the URL carries.
func (f *frame) tokenFor(ctx context.Context, url string) string {
	return bearer(f.do(ctx, request{url: url}))
}

func TestEachResourceGetsItsOwnToken(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	for range 2 {
		require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), apiURL))
		require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
		require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), mailURL))
		require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), "https://mail2.example.com/x"))
		require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), userInfoURL))
	}
	require.Equal(t, []string{"", listsAPI, mailAPI}, origin.server.granted)
	require.Equal(t, form{
		{"grant_type", "refresh_token"}, {"refresh_token", refreshToken(2)}, {"client_id", "spa"}, {"resource", mailAPI},
	}, origin.server.asked(tokenURL)[2], "with the refresh token that came with the token before")
	require.Equal(t, refreshToken(3), origin.stored(t, "main").refresh.Expose())
	require.Equal(t, []string{"main signedin"}, frame.heard(), "the tokens that the app knows of are the same")
	require.Contains(t, origin.stored(t, "main").reply, idToken(1))
	require.Equal(t, accessToken(2), origin.open().tokenFor(t.Context(), listsURL), "they are stored")

	// What the app may see is of the sign-in.
	answer := frame.post(t.Context(), tokenURL, "grant_type=refresh_token&client_id=spa")
	require.Contains(t, string(answer.Body), idToken(4))
	require.Equal(t, []string{"main signedin", "main refreshed"}, frame.heard())
	require.Equal(t, accessToken(4), frame.tokenFor(t.Context(), apiURL))
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL), "the others are kept")
}

func TestEachTokenExpiresByItself(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	origin.advance(30 * time.Minute)
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
	expires := origin.stored(t, "main").expiresAt
	origin.advance(40 * time.Minute)
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
	require.Equal(t, expires, origin.stored(t, "main").expiresAt)
	require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), apiURL))
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
	origin.advance(40 * time.Minute)
	require.Equal(t, accessToken(4), frame.tokenFor(t.Context(), listsURL))
	require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), apiURL))
	require.Equal(t, []string{"", listsAPI, "", listsAPI}, origin.server.granted)
	require.Len(t, origin.stored(t, "main").others, 1)
	issued, _ := frame.sessions.issuedSince(0)
	require.Equal(t, []string{accessToken(3), accessToken(4)}, issued, "each once, and none that has expired")
}

func TestARetryRenewsTheTokenOfTheResource(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	first, answer := frame.start(t.Context(), request{url: listsURL})
	require.Equal(t, accessToken(2), bearer(answer))
	second, _ := frame.start(t.Context(), request{url: listsURL})
	require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), mailURL)) // another generation of the session
	for _, id := range []uint32{first, second} {
		require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
		require.Equal(t, accessToken(4), bearer(frame.Settle(t.Context(), id, nil)))
	}
	require.Equal(t, []string{"", listsAPI, mailAPI, listsAPI}, origin.server.granted)
	require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), apiURL))
}

// Another frame has renewed the token of another resource meanwhile: that is no reason
// to use the refused one again.
func TestARetryIsNotSatisfiedByAnotherToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := several(t)
		frame.signIn(t)
		id, _ := frame.start(t.Context(), request{url: listsURL})
		require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
		unlock, err := origin.locks.Lock(t.Context(), writeLock("main"), Exclusive)
		require.NoError(t, err)
		answered := make(chan Answer)
		go func() { answered <- frame.Settle(t.Context(), id, nil) }()
		synctest.Wait() // it waits for the lock
		next := *origin.stored(t, "main")
		next.generation++
		next.take(&grant{indicator: mailAPI, since: next.generation, access: secretOf("mail-token")})
		origin.store.put("session/main", origin.sealed(t, "main", &next))
		unlock()
		require.Equal(t, accessToken(3), bearer(<-answered))
		require.Equal(t, "mail-token", origin.stored(t, "main").token(mailAPI).access.Expose())
	})
}

func TestARedirectTakesTheTokenOfItsResource(t *testing.T) {
	t.Parallel()
	_, frame := several(t)
	frame.signIn(t)
	id, answer := frame.start(t.Context(), request{url: apiURL})
	require.Equal(t, accessToken(1), bearer(answer))
	answer = frame.settle(t.Context(), id, frame.Head(id, Response{Status: 401, Redirected: targetOf(listsURL)}))
	require.Equal(t, accessToken(2), bearer(answer))
}

// The refresh token may rotate with every answer, so that one request for a token is
// under way at a time, whichever it is for; and one for each.
func TestOneRequestForAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, here := several(t)
		there := origin.open()
		here.signIn(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			return FetchResponse{}, pause(ctx, time.Second)
		})
		got := make([]map[string]string, 2)
		var all sync.WaitGroup
		for i, frame := range []*frame{here, there} {
			got[i] = map[string]string{}
			var mu sync.Mutex
			for _, url := range []string{listsURL, mailURL, listsURL, mailURL} {
				all.Go(func() {
					token := frame.tokenFor(t.Context(), url)
					mu.Lock()
					defer mu.Unlock()
					got[i][url] = token
				})
			}
		}
		all.Wait()
		require.Equal(t, got[0], got[1])
		require.NotEqual(t, got[0][listsURL], got[0][mailURL])
		require.NotContains(t, got[0], "")
		require.Equal(t, 2, origin.server.refreshes())
		synctest.Wait()
	})
}

func TestTokenOfTheSignIn(t *testing.T) {
	t.Parallel()
	rules := func(list ...string) *policy.Client {
		client := &policy.Client{}
		for _, indicator := range list {
			client.Resources = append(client.Resources, policy.Rule{Indicator: indicator})
		}
		return client
	}
	tests := []struct {
		name   string
		client *policy.Client
		all    []string
		signIn string
	}{
		{"no resources", rules(), nil, ""},
		{"none has an indicator", rules("", ""), nil, ""},
		{"each has one", rules("a", "b", "a"), []string{"a", "b"}, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.all, indicators(tt.client))
			require.Equal(t, tt.signIn, signInIndicator(tt.client))
		})
	}
}

// A UserInfo endpoint takes the token without an indicator, and the page's calls are
// about the token of the sign-in.
func TestSignInForAResource(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	client := &origin.table.Clients[0]
	reply, err := frame.askToken(client, form{{"grant_type", "authorization_code"}, {"resource", listsAPI}}, nil, "omit")
	require.NoError(t, err)
	next, err := readTokenReply(reply.Body, client, listsAPI, nil, origin.clock())
	require.NoError(t, err)
	_, _, err = frame.storeTokens(client, next)
	require.NoError(t, err)
	require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), listsURL))
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), userInfoURL))
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), apiURL))
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRefresh, "main"))
	require.Equal(t, []string{listsAPI, "", listsAPI}, origin.server.granted)
	require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), listsURL))
}

func TestNoTokenIsShownToTheApp(t *testing.T) {
	t.Parallel()
	_, frame := several(t)
	frame.signIn(t)
	frame.tokenFor(t.Context(), listsURL)
	id, _ := frame.start(t.Context(), request{url: apiURL})
	answer := frame.Head(id, Response{Status: 200, Headers: append([]string{"x-a", accessToken(2), "x-b", refreshToken(2)}, textBody...)})
	require.Equal(t, "REDACTED", header(answer.Headers, "x-a"))
	require.Equal(t, "REDACTED", header(answer.Headers, "x-b"))
	require.Equal(t, "a REDACTED b", string(frame.Chunk(id, []byte("a "+accessToken(2)+" b"), true)))
	frame.call(t.Context(), protocol.CallRemove, "main")
	frame.signIn(t)
	id, _ = frame.start(t.Context(), request{url: apiURL})
	require.True(t, frame.Head(id, Response{Status: 200, Headers: textBody}).Scrub)
	require.Equal(t, "a REDACTED b", string(frame.Chunk(id, []byte("a "+accessToken(2)+" b"), true)), "of a session before, too")
}

func TestSignOutRevokesEveryToken(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	frame.tokenFor(t.Context(), listsURL)
	frame.tokenFor(t.Context(), mailURL)
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallLogout, "main"))
	require.Equal(t, []string{
		"refresh_token " + refreshToken(3) + " spa", "access_token " + accessToken(1) + " spa",
		"access_token " + accessToken(3) + " spa", "access_token " + accessToken(2) + " spa",
	}, revocations(origin))
	require.Nil(t, origin.stored(t, "main"))
}

func TestRevokingAccessEndsEveryAccessToken(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	frame.tokenFor(t.Context(), listsURL)
	frame.post(t.Context(), revokeURL, "token_type_hint=access_token&client_id=spa")
	require.Equal(t, []string{"access_token " + accessToken(1) + " spa", "access_token " + accessToken(2) + " spa"}, revocations(origin))
	require.Equal(t, accessToken(3), frame.tokenFor(t.Context(), listsURL))
	require.Equal(t, accessToken(4), frame.tokenFor(t.Context(), apiURL))
}

func TestAResourceWithoutAToken(t *testing.T) {
	t.Parallel()
	t.Run("that the server does not grant", func(t *testing.T) {
		t.Parallel()
		origin, frame := several(t)
		frame.signIn(t)
		origin.server.bend(always(jsonResponse(400, `{"error":"invalid_target"}`), nil))
		answer := frame.do(t.Context(), request{url: listsURL})
		requireRefusal(t, answer, 502, protocol.CodeRefreshFailed)
		require.Contains(t, string(answer.Body), "resource indicators")
		require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), apiURL), "the session goes on")
	})
	t.Run("without a refresh token", func(t *testing.T) {
		t.Parallel()
		origin, frame := several(t)
		origin.server.bend(always(jsonResponse(200, `{"access_token":"the-only-token","expires_in":60}`), nil))
		frame.signIn(t)
		answer := frame.do(t.Context(), request{url: listsURL})
		requireRefusal(t, answer, 502, protocol.CodeRefreshFailed)
		require.Contains(t, string(answer.Body), "offline_access")
		require.Equal(t, onlyToken, frame.tokenFor(t.Context(), apiURL))
		origin.advance(time.Hour)
		requireRefusal(t, frame.do(t.Context(), request{url: listsURL}), 400, protocol.CodeSessionExpired)
	})
	t.Run("invalid_grant ends the session", func(t *testing.T) {
		t.Parallel()
		origin, frame := several(t)
		frame.signIn(t)
		origin.server.bend(always(jsonResponse(400, `{"error":"invalid_grant"}`), nil))
		requireRefusal(t, frame.do(t.Context(), request{url: listsURL}), 400, protocol.CodeSessionExpired)
		requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard())
	})
}

// A token of one resource that needs the user says nothing of the others.
func TestAResourceThatNeedsTheUser(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	origin.server.bend(always(jsonResponse(400, `{"error":"interaction_required"}`), nil))
	requireRefusal(t, frame.do(t.Context(), request{url: listsURL}), 400, protocol.CodeSessionExpired)
	require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), apiURL))
	require.Equal(t, []string{"main signedin"}, frame.heard())
	origin.advance(2 * time.Hour)
	requireRefusal(t, frame.do(t.Context(), request{url: listsURL}), 400, protocol.CodeSessionExpired)
	require.Nil(t, origin.stored(t, "main"), "nothing is good any more")
}

// A token that is good still does, as long as it is.
func TestAResourceThatWillNeedTheUser(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	frame.signIn(t)
	origin.advance(30 * time.Minute)
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
	origin.advance(30*time.Minute - time.Second)
	origin.server.bend(always(jsonResponse(400, `{"error":"interaction_required"}`), nil))
	require.Equal(t, accessToken(1), frame.tokenFor(t.Context(), apiURL))
	origin.advance(time.Second)
	requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeSessionExpired)
	require.Equal(t, accessToken(2), frame.tokenFor(t.Context(), listsURL))
}

// Without others the session is over, also where its token was good by the clock.
func TestASessionThatNeedsTheUser(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	origin.server.bend(always(jsonResponse(400, `{"error":"interaction_required"}`), nil))
	require.Equal(t, []string{"error", "session_expired"}, frame.call(t.Context(), protocol.CallRefresh, "main")[:2])
	require.Nil(t, origin.stored(t, "main"))
	require.Contains(t, frame.heard(), "main signedout")
	require.Len(t, revocations(origin), 2, "the server has not ended anything")
}

// A token with another indicator is bound to the same key.
func TestTokensOfResourcesAreBoundToo(t *testing.T) {
	t.Parallel()
	origin, frame := several(t)
	origin.table.Clients[0].DPoP = true
	origin.server.kind = "DPoP"
	frame.signIn(t)
	answer := frame.do(t.Context(), request{url: listsURL})
	claims, _ := proofOf(t, header(answer.Headers, "dpop"))
	require.Equal(t, hashOf(accessToken(2)), claims["ath"])
	require.Len(t, origin.server.proofs(tokenURL), 2)
}
