package proxy

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

// TestOneRefreshForAllFrames is the promise of single flight: however many
// requests find the token expired, in however many tabs, the server is asked once.
func TestOneRefreshForAllFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		frames := []*frame{origin.open(), origin.open(), origin.open()}
		frames[0].signIn(t)
		for _, frame := range frames {
			require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
		}
		origin.advance(2 * time.Hour)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			return FetchResponse{}, pause(ctx, time.Second)
		})
		began := time.Now()
		var all sync.WaitGroup
		for _, frame := range frames {
			for range 20 {
				all.Go(func() {
					if token := bearer(frame.get(t.Context())); token != accessToken(2) {
						t.Errorf("a request got %q", token)
					}
				})
			}
		}
		all.Wait()
		require.Equal(t, 1, origin.server.refreshes())
		require.Equal(t, time.Second, time.Since(began), "no frame waited for another to let go")
		synctest.Wait()
		for _, frame := range frames {
			require.Contains(t, frame.heard(), "main refreshed")
			require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		}
		require.Len(t, origin.locks.held(), 1, "the frames share the lock of the session in their memory")
	})
}

// pause waits in the time of the bubble, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestRefreshRequest(t *testing.T) {
	t.Parallel()
	origin, frame := expired(t)
	require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
	require.Equal(t, form{{"grant_type", "refresh_token"}, {"refresh_token", refreshToken(1)}, {"client_id", "spa"}}, origin.server.asked(tokenURL)[1])
	require.Equal(t, "omit", origin.server.requests[1].Credentials)
	require.Equal(t, refreshToken(2), origin.stored(t, "main").refresh.Expose())
}

func TestWithoutRotationTheRefreshTokenIsKept(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	origin.server.bend(always(jsonResponse(200, `{"access_token":"access-without-refresh","expires_in":60}`), nil))
	for range 3 {
		origin.advance(2 * time.Hour)
		require.Equal(t, "access-without-refresh", bearer(frame.get(t.Context())))
		require.Equal(t, refreshToken(1), origin.stored(t, "main").refresh.Expose())
		require.Equal(t, idToken(1), origin.stored(t, "main").id.Expose())
	}
	require.Equal(t, 3, origin.server.refreshes())
}

// What a failed refresh does to the tokens, and to a request that needs one.
func TestFailedRefresh(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		response FetchResponse
		err      error
		kept     bool
		status   int // of the app's answer; 0 for a network failure
		code     protocol.Code
	}{
		{"no network", FetchResponse{}, ErrNetwork, true, 0, ""},
		{"a fault of the server", jsonResponse(500, ""), nil, true, 502, protocol.CodeRefreshFailed},
		{"too many requests", jsonResponse(429, `{"error":"slow_down"}`), nil, true, 502, protocol.CodeRefreshFailed},
		{"another OAuth error", jsonResponse(400, `{"error":"invalid_request"}`), nil, true, 502, protocol.CodeRefreshFailed},
		{"invalid_client", jsonResponse(401, `{"error":"invalid_client"}`), nil, true, 502, protocol.CodeRefreshFailed},
		{"the word in a page", jsonResponse(400, `<p>invalid_grant</p>`), nil, true, 502, protocol.CodeRefreshFailed},
		{"the word elsewhere", jsonResponse(400, `{"error":"x","error_description":"invalid_grant","y":{"error":"invalid_grant"}}`), nil, true, 502, protocol.CodeRefreshFailed},
		{"the word in an object within", jsonResponse(400, `{"y":{"error":"invalid_grant"}}`), nil, true, 502, protocol.CodeRefreshFailed},
		{"no token response", jsonResponse(200, `<p>hello</p>`), nil, true, 502, protocol.CodeInvalidResponse},
		{"an empty reply", FetchResponse{Status: 204}, nil, true, 502, protocol.CodeInvalidResponse},
		{"an oversized reply", FetchResponse{}, errors.New("too large"), true, 502, protocol.CodeInvalidResponse},
		{"a token of another type", jsonResponse(200, `{"access_token":"dpop-bound-token","token_type":"DPoP"}`), nil, true, 502, protocol.CodeInvalidResponse},
		{"invalid_grant", jsonResponse(400, `{"error":"invalid_grant"}`), nil, false, 400, protocol.CodeSessionExpired},
		{"invalid_grant as 401", jsonResponse(401, `{"error":"invalid\u005fgrant"}`), nil, false, 400, protocol.CodeSessionExpired},
		{"what needs the user", jsonResponse(400, `{"error":"interaction_required"}`), nil, false, 400, protocol.CodeSessionExpired},
		{"a new sign-in", jsonResponse(400, `{"error":"login_required"}`), nil, false, 400, protocol.CodeSessionExpired},
		{"consent", jsonResponse(400, `{"error":"consent_required"}`), nil, false, 400, protocol.CodeSessionExpired},
		{"another factor", jsonResponse(403, `{"error":"mfa_required","mfa_token":"x"}`), nil, false, 400, protocol.CodeSessionExpired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := expired(t)
			origin.server.bend(always(tt.response, tt.err))
			answer := frame.get(t.Context())
			if tt.status == 0 {
				require.Equal(t, Fail, answer.Action)
			} else {
				requireRefusal(t, answer, tt.status, tt.code)
			}
			if !tt.kept {
				require.Nil(t, origin.stored(t, "main"))
				requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
				require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard())
				return
			}
			require.Equal(t, refreshToken(1), origin.stored(t, "main").refresh.Expose())
			origin.server.bend(nil)
			require.Equal(t, accessToken(2), bearer(frame.get(t.Context())), "the next request tries again")
		})
	}
}

func TestTokenThatIsStillGoodIsUsedWhenTheRefreshFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		response FetchResponse
		err      error
		want     string
	}{
		{"it succeeds", FetchResponse{}, nil, accessToken(2)},
		{"no network", FetchResponse{}, ErrNetwork, accessToken(1)},
		{"a fault of the server", jsonResponse(500, ""), nil, accessToken(1)},
		{"no token response", jsonResponse(200, "{}"), nil, accessToken(1)},
		{"an oversized reply", FetchResponse{}, errors.New("too large"), accessToken(1)},
		{"invalid_grant", jsonResponse(400, `{"error":"invalid_grant"}`), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := aboutToExpire(t)
			origin.server.bend(always(tt.response, tt.err))
			require.Equal(t, tt.want, bearer(frame.get(t.Context())))
			tries := 1
			if errors.Is(tt.err, ErrNetwork) {
				tries = 2
			}
			require.Equal(t, tries, origin.server.refreshes())
		})
	}
}

// What becomes of a session whose server has rotated the refresh token, and whose
// answer was lost on the way.
func TestLostAnswerOfARefresh(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lost  int
		grace bool // the server takes the refresh token before once more
		token string
		code  protocol.Code // of the page's call, where there is no token
		tries int
		kept  bool
	}{
		{"once, with a grace period", 1, true, accessToken(3), "", 2, true},
		{"once, without", 1, false, "", protocol.CodeSessionExpired, 2, false},
		{"twice", 2, true, "", protocol.CodeRefreshFailed, 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				origin, frame := expired(t)
				there := origin.open()
				lost := 0
				origin.server.bend(func(_ context.Context, request FetchRequest) (FetchResponse, error) {
					if request.URL != tokenURL || lost == tt.lost {
						return FetchResponse{}, nil
					}
					lost++
					before := origin.server.live
					parameters, err := parseForm(string(request.Body))
					require.NoError(t, err)
					require.Equal(t, 200, origin.server.token(parameters).Status, "it has answered")
					if tt.grace {
						origin.server.live = before
					}
					return FetchResponse{}, ErrNetwork
				})
				said := frame.call(t.Context(), protocol.CallRefresh, "main")
				require.Equal(t, tt.tries, origin.server.refreshes())
				require.Equal(t, tt.kept, origin.stored(t, "main") != nil)
				synctest.Wait()
				if tt.token != "" {
					require.Equal(t, []string{"ok"}, said)
					require.Equal(t, tt.token, bearer(frame.get(t.Context())))
					return
				}
				require.Equal(t, []string{"error", string(tt.code)}, said[:2])
				if tt.kept {
					require.Equal(t, []string{"main signedin"}, frame.heard())
					require.Equal(t, accessToken(4), bearer(frame.get(t.Context())), "the next request tries again")
					return
				}
				for range 3 {
					requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
					requireRefusal(t, there.get(t.Context()), 400, protocol.CodeNotSignedIn)
				}
				require.Equal(t, tt.tries, origin.server.refreshes(), "never again")
				require.Equal(t, []string{"main signedin", "main signedout"}, frame.heard())
				require.Equal(t, []string{"main signedout"}, there.heard())
			})
		})
	}
}

func TestSlowRefreshDoesNotHoldUpAGoodToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := aboutToExpire(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			return FetchResponse{}, pause(ctx, 20*time.Second)
		})
		began := time.Now()
		require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
		require.Equal(t, patience, time.Since(began))

		// The renewal goes on, and once the token has expired it is waited for.
		origin.advance(20 * time.Second)
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		require.Equal(t, 20*time.Second, time.Since(began))
		require.Equal(t, 1, origin.server.refreshes())
	})
}

func TestTokenThatExpiresDuringASlowRefreshIsNotUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := aboutToExpire(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			origin.advance(time.Minute)
			return FetchResponse{}, pause(ctx, 20*time.Second)
		})
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		require.Equal(t, 1, origin.server.refreshes())
	})
}

func TestSignOutDuringARefreshLeavesNoTokenToUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := newOrigin(t)
		here, there := origin.open(), origin.open()
		here.signIn(t)
		origin.server.bend(func(ctx context.Context, request FetchRequest) (FetchResponse, error) {
			if request.URL == tokenURL {
				return jsonResponse(500, ""), pause(ctx, time.Second)
			}
			return FetchResponse{}, nil
		})
		origin.advance(time.Hour - 20*time.Second)
		var answer Answer
		var both sync.WaitGroup
		both.Go(func() {
			// It fails, and then finds the other frame's sign-out.
			answer = here.get(t.Context())
		})
		synctest.Wait()
		both.Go(func() { there.call(t.Context(), protocol.CallLogout, "main") })
		synctest.Wait()
		both.Wait()
		synctest.Wait()
		if token := bearer(answer); token != "" {
			require.Equal(t, accessToken(1), token, "before the sign-out had begun to forget")
		}
		requireRefusal(t, here.get(t.Context()), 400, protocol.CodeNotSignedIn)
	})
}

func TestACallerThatGivesUpDoesNotCancelTheRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := expired(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			return FetchResponse{}, pause(ctx, 10*time.Second)
		})
		began := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		requireRefusal(t, frame.get(impatient), 503, protocol.CodeVaultTimeout)
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		require.Equal(t, 1, origin.server.refreshes())
		require.Equal(t, refreshToken(2), origin.stored(t, "main").refresh.Expose())
	})
}

func TestAServerThatNeverAnswersARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := expired(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			<-ctx.Done()
			return FetchResponse{}, ctx.Err()
		})
		began := time.Now()
		requireRefusal(t, frame.get(t.Context()), 503, protocol.CodeVaultTimeout)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.NotNil(t, origin.stored(t, "main"))
		synctest.Wait()
		origin.server.bend(nil)
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
	})
}

// A refresh that takes all of its time leaves enough to store what it brought.
func TestASlowReplyIsStillStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, frame := expired(t)
		origin.server.bend(func(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
			<-ctx.Done() // and the reply has come at that very moment
			return jsonResponse(200, tokenReply(2, 3600)), nil
		})
		frame.get(t.Context())
		synctest.Wait()
		require.Equal(t, refreshToken(2), origin.stored(t, "main").refresh.Expose())
	})
}

func TestRefreshBefore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		lifetime int           // seconds
		after    time.Duration // since it was issued
		want     string
	}{
		{"new", 3600, 0, accessToken(1)},
		{"before refreshBefore", 3600, time.Hour - 31*time.Second, accessToken(1)},
		{"at refreshBefore", 3600, time.Hour - 30*time.Second, accessToken(2)},
		{"expired", 3600, time.Hour, accessToken(2)},
		{"as short as refreshBefore, new", 30, 0, accessToken(1)},
		{"as short as refreshBefore, first half", 30, 14 * time.Second, accessToken(1)},
		{"as short as refreshBefore, second half", 30, 15 * time.Second, accessToken(2)},
		{"shorter than refreshBefore, new", 10, 0, accessToken(1)},
		{"shorter than refreshBefore, first half", 10, 4 * time.Second, accessToken(1)},
		{"shorter than refreshBefore, second half", 10, 5 * time.Second, accessToken(2)},
		{"a second", 1, 0, accessToken(1)},
		{"dead when issued", 0, 0, accessToken(2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.server.lifetime = tt.lifetime
			frame := origin.open()
			frame.signIn(t)
			origin.advance(tt.after)
			require.Equal(t, tt.want, bearer(frame.get(t.Context())))
		})
	}
}

func TestTokensThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reply string
		after       time.Duration
		want        string // "" for session_expired
	}{
		{"no refresh token, new", `{"access_token":"the-only-token","expires_in":60}`, 0, "the-only-token"},
		{"no refresh token, about to expire", `{"access_token":"the-only-token","expires_in":60}`, 59 * time.Second, "the-only-token"},
		{"no refresh token, expired", `{"access_token":"the-only-token","expires_in":60}`, time.Minute, ""},
		{"no expiry", `{"access_token":"the-only-token"}`, 1000 * time.Hour, "the-only-token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.server.bend(always(jsonResponse(200, tt.reply), nil))
			frame := origin.open()
			frame.signIn(t)
			origin.advance(tt.after)
			answer := frame.get(t.Context())
			require.Equal(t, tt.want, bearer(answer))
			require.Zero(t, origin.server.refreshes())
			if tt.want != "" {
				return
			}
			requireRefusal(t, answer, 400, protocol.CodeSessionExpired)
			require.Equal(t, []string{"ok", "signedIn", "false"}, frame.call(t.Context(), protocol.CallStatus, "main"))
			origin.server.bend(nil)
			frame.signIn(t)
			require.Equal(t, accessToken(1), bearer(frame.get(t.Context())), "a new sign-in works")
		})
	}
}

func TestNotSignedIn(t *testing.T) {
	t.Parallel()
	answer := newOrigin(t).open().get(t.Context())
	requireRefusal(t, answer, 400, protocol.CodeNotSignedIn)
	require.Equal(t, `{"error":"not_signed_in","message":"The vault holds no tokens for the client \"main\". Sign in, then repeat the request."}`, string(answer.Body))
	require.Equal(t, []string{"content-type", "application/json", "cache-control", "no-store"}, answer.Headers)
}

// An SDK that renews tokens itself speaks to the token endpoint.
func TestRefreshForTheApp(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"REDACTED":         "grant_type=refresh_token&refresh_token=REDACTED&client_id=spa",
		"empty":            "grant_type=refresh_token&refresh_token=&client_id=spa",
		"no refresh token": "grant_type=refresh_token&client_id=spa&scope=openid",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			frame := origin.open()
			requireRefusal(t, frame.post(t.Context(), tokenURL, body), 400, protocol.CodeNotSignedIn)
			frame.signIn(t)
			answer := frame.post(t.Context(), tokenURL, body)
			require.Equal(t, 200, answer.Status)
			require.Equal(t, `{"access_token":"REDACTED","refresh_token":"REDACTED","id_token":"id-token-0002","token_type":"Bearer","expires_in":3600,"scope":"openid"}`, string(answer.Body))
			require.Equal(t, form{{"grant_type", "refresh_token"}, {"refresh_token", refreshToken(1)}, {"client_id", "spa"}}, origin.server.asked(tokenURL)[1])
		})
	}
}

func TestClockJumps(t *testing.T) {
	t.Parallel()
	t.Run("forward: the token counts as expired and is renewed", func(t *testing.T) {
		t.Parallel()
		origin, frame := signedIn(t)
		origin.advance(24 * 365 * time.Hour)
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
	})
	t.Run("back: the token counts as new, and a 401 mends it", func(t *testing.T) {
		t.Parallel()
		origin, frame := signedIn(t)
		first := origin.stored(t, "main").generation
		origin.advance(-24 * time.Hour)
		id, answer := frame.start(t.Context(), request{url: apiURL})
		require.Equal(t, accessToken(1), bearer(answer))
		require.Equal(t, Await, frame.Head(id, Response{Status: 401, Headers: invalidToken}).Action)
		require.Equal(t, accessToken(2), bearer(frame.Settle(t.Context(), id, nil)))
		frame.signIn(t)
		current := origin.stored(t, "main")
		require.Greater(t, current.generation, first, "generations never go back")
		require.Equal(t, current.generation, current.since)
	})
	t.Run("during a refresh: it runs once", func(t *testing.T) {
		t.Parallel()
		origin, frame := expired(t)
		origin.server.bend(func(context.Context, FetchRequest) (FetchResponse, error) {
			origin.advance(-3 * time.Hour)
			return FetchResponse{}, nil
		})
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		require.Equal(t, accessToken(2), bearer(frame.get(t.Context())))
		require.Equal(t, 1, origin.server.refreshes())
	})
}
