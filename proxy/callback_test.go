package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// with returns the answer with a parameter set to another value.
func (f form) with(name, value string) form {
	return append(f.without(name), parameter{name, value})
}

// requireNothing checks that no session is stored, and that no tokens live on unused.
func requireNothing(t testing.TB, rig *pagesRig, revoked ...string) {
	t.Helper()
	require.Nil(t, rig.store.record("session/main"))
	require.Equal(t, revoked, revocations(rig.origin))
	for _, message := range rig.published {
		require.NotContains(t, message, protocol.EventSignedIn)
	}
	require.Empty(t, rig.locks.held())
}

var (
	aliceRevoked  = []string{"refresh_token refresh-of-code-1 spa", "access_token access-of-code-1 spa"}
	secondRevoked = []string{"refresh_token refresh-of-code-2 spa", "access_token access-of-code-2 spa"}
)

func TestCallbackSignsIn(t *testing.T) {
	t.Parallel()
	t.Run("with OpenID Connect", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		frame := rig.open()
		require.Equal(t, Page{URL: aliceHome}, rig.window().signIn(t, aliceLogin))
		current := rig.stored(t, "main")
		require.Equal(t, "access-of-code-1", current.access.Expose())
		require.Equal(t, "refresh-of-code-1", current.refresh.Expose())
		require.JSONEq(t, `{"sub":"alice","name":"Alice"}`, current.claims)
		require.Empty(t, rig.transactions(t))
		require.Equal(t, "access-of-code-1", bearer(frame.get(t.Context())))
		require.Equal(t, []string{"main\nsignedin"}, rig.published, "no opener is told")

		asked := rig.server.asked(tokenURL)
		require.Len(t, asked, 1)
		names := make([]string, 0, len(asked[0]))
		for _, p := range asked[0] {
			names = append(names, p.name)
		}
		require.Equal(t, []string{"grant_type", "code", "redirect_uri", "client_id", "code_verifier"}, names)
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.client.Scope = "items"
		rig.keys = func() FetchResponse { return FetchResponse{Status: 500} }
		rig.claims = jwt.MapClaims{"aud": "evil"}
		require.Equal(t, Page{URL: aliceHome}, rig.window().signIn(t, aliceLogin))
		current := rig.stored(t, "main")
		require.Equal(t, "access-of-code-1", current.access.Expose())
		require.True(t, current.id.IsZero(), "an id_token that nobody has checked is not kept")
		require.Empty(t, current.claims)
	})
	t.Run("without claims for the app", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.client.SignIn.Claims = nil
		rig.window().signIn(t, aliceLogin)
		require.Equal(t, "{}", rig.stored(t, "main").claims)
	})
	t.Run("a server that does not name itself", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		answer := window.authorize(t, window.login(t, aliceLogin))
		require.Equal(t, aliceHome, window.callback(t, answer.without("iss")).URL)
	})
	t.Run("a window that remembers nothing", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		answer := window.authorize(t, window.login(t, aliceLogin))
		require.Equal(t, aliceHome, rig.window().callback(t, answer).URL)
	})
	t.Run("with a key that is new", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		require.Equal(t, aliceHome, window.signIn(t, aliceLogin).URL)
		rig.set(func() { rig.key, rig.kid = rig.newKey(t), "key-2" })
		require.Equal(t, aliceHome, window.signIn(t, aliceLogin).URL)
		keys := 0
		for _, asked := range rig.asked() {
			if asked == keysURL {
				keys++
			}
		}
		require.Equal(t, 2, keys)
	})
	t.Run("in a popup", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		requireView(t, rig.window().signIn(t, popupLogin), ViewClose)
		require.Equal(t, []string{"handle popup-1 outcome ok"}, rig.outcomes())
	})
	t.Run("with a clock that is wrong by minutes", func(t *testing.T) {
		t.Parallel()
		for _, wrong := range []time.Duration{4 * time.Minute, -4 * time.Minute} {
			rig := newRig(t)
			now := rig.clock().Add(wrong)
			rig.claims = jwt.MapClaims{"iat": now.Unix(), "exp": now.Unix() + 60, "auth_time": now.Unix()}
			require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
		}
	})
}

// A response that belongs to no sign-in changes nothing, and costs no sign-in its own.
func TestCallbackKnowsItsOwnResponses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, rig *pagesRig, answer form) string // the query
	}{
		{"nothing", func(*testing.T, *pagesRig, form) string { return "" }},
		{"no state", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.without("state").encode() }},
		{"an empty state", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.with("state", "").encode() }},
		{"a made-up state", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.with("state", "s").encode() }},
		{"a state and more", func(_ *testing.T, _ *pagesRig, answer form) string {
			state, _ := answer.get("state")
			return answer.with("state", state+"A").encode()
		}},
		{"two states", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.encode() + "&state=s" }},
		{"two codes", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.encode() + "&code=evil" }},
		{"two issuers", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.encode() + "&%69ss=" + authIssuer }},
		{"a broken escape", func(_ *testing.T, _ *pagesRig, answer form) string { return answer.encode() + "&x=%" }},
		{"the handle of an account change", func(t *testing.T, rig *pagesRig, answer form) string {
			id := rig.window().keep(t, purposeAccountChange, &session{grant: grant{access: secretOf("a")}})
			return answer.with("state", id).encode()
		}},
		{"the state of a sign-out", func(t *testing.T, rig *pagesRig, answer form) string {
			id := rig.window().keep(t, purposeSignedOut, nil)
			return answer.with("state", id).encode()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			window := rig.window()
			answer := window.authorize(t, window.login(t, aliceLogin))
			query := tt.change(t, rig, answer)
			requireView(t, rig.window().Callback(t.Context(), query, ""), ViewStale, "return", appOrigin+"/", "retry", "")
			page := window.Callback(t.Context(), query, window.request)
			requireView(t, page, ViewStale, "return", aliceHome)
			require.NotEmpty(t, detail(page, "retry"))
			requireNothing(t, rig)
			require.Empty(t, rig.server.asked(tokenURL), "nobody learns the code")
			require.Equal(t, aliceHome, window.callback(t, answer).URL, "the sign-in itself goes on")
		})
	}
}

func TestCallbackTakesAResponseOnce(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	window := rig.window()
	answer := window.authorize(t, window.login(t, aliceLogin))
	require.Equal(t, aliceHome, window.callback(t, answer).URL)
	first := rig.store.record("session/main")

	require.Equal(t, aliceHome, window.callback(t, answer).URL, "the Back button: what was wanted is done")
	requireView(t, rig.window().callback(t, answer), ViewStale)
	require.Len(t, rig.server.asked(tokenURL), 1)
	require.Equal(t, first, rig.store.record("session/main"))
}

func TestCallbackIsInTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		passes time.Duration
		good   bool
	}{
		"at once":                     {0, true},
		"just in time":                {transactionLifetime - time.Millisecond, true},
		"too late":                    {transactionLifetime, false},
		"a day late":                  {24 * time.Hour, false},
		"clock set back a little":     {-transactionLifetime + time.Millisecond, true},
		"clock set back":              {-transactionLifetime, false},
		"clock set back to the start": {-60 * 365 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			window := rig.window()
			answer := window.authorize(t, window.login(t, aliceLogin))
			rig.advance(tt.passes)
			page := window.callback(t, answer)
			if tt.good {
				require.Equal(t, aliceHome, page.URL)
				return
			}
			requireView(t, page, ViewStale, "return", aliceHome)
			requireNothing(t, rig)
			rig.advance(-tt.passes)
			requireView(t, window.callback(t, answer), ViewStale) // it is forgotten
		})
	}
}

func TestCallbackRefusesAnswers(t *testing.T) {
	t.Parallel()
	required := func(rig *pagesRig) { rig.client.SignIn.RequireIssuer = true }
	set := func(name, value string) func(form) form {
		return func(answer form) form { return answer.with(name, value) }
	}
	without := func(name string) func(form) form {
		return func(answer form) form { return answer.without(name) }
	}
	failed := func(pairs ...string) func(form) form {
		return func(answer form) form {
			answer = answer.without("code")
			for i := 0; i < len(pairs); i += 2 {
				answer = append(answer, parameter{pairs[i], pairs[i+1]})
			}
			return answer
		}
	}
	tests := []struct {
		name    string
		prepare func(*pagesRig)
		change  func(form) form
		view    View
		detail  string
	}{
		{"another issuer", nil, set("iss", "https://evil.example.com"), ViewUntrusted, "iss"},
		{"the issuer and a slash", nil, set("iss", authIssuer+"/"), ViewUntrusted, "iss"},
		{"an empty issuer", nil, set("iss", ""), ViewUntrusted, "iss"},
		{"no issuer where one is required", required, without("iss"), ViewUntrusted, "iss"},
		{"an error of another issuer", nil, func(answer form) form {
			return answer.with("iss", "https://evil.example.com").with("error", "access_denied")
		}, ViewUntrusted, "iss"},
		{"an error that does not say whose it is", required, func(answer form) form {
			return answer.without("iss").with("error", "login_required")
		}, ViewUntrusted, "iss"},
		{"no code", nil, without("code"), ViewUntrusted, "code"},
		{"an empty code", nil, set("code", ""), ViewUntrusted, "code"},
		{"access_denied", nil, failed("error", "access_denied"), ViewDenied, ""},
		{"an error", nil, failed("error", "login_required"), ViewServer, "login_required"},
		{"an error and a code", nil, set("error", "server_error"), ViewServer, "server_error"},
		{"an error with markup", nil, failed("error", "<img src=x>", "error_description", "Call me"), ViewServer, "unknown"},
		{"an error of words", nil, failed("error", "call the number below"), ViewServer, "unknown"},
		{"an error with a line feed", nil, failed("error", "server_error\n"), ViewServer, "unknown"},
		{"an endless error", nil, failed("error", strings.Repeat("a", maxHandle+1)), ViewServer, "unknown"},
		{"an empty error", nil, failed("error", ""), ViewServer, "unknown"},
		{"a code that is not of this sign-in", nil, set("code", "attackers-code"), ViewServer, "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, login := range []string{aliceLogin, aliceLogin + "&handle=popup-1"} {
				rig := newRig(t)
				if tt.prepare != nil {
					tt.prepare(rig)
				}
				window := rig.window()
				answer := tt.change(window.authorize(t, window.login(t, login)))
				page := window.callback(t, answer)
				requireView(t, page, tt.view, "return", aliceHome)
				require.Equal(t, tt.detail, detail(page, "reason")+detail(page, "code"))
				require.NotEmpty(t, detail(page, "retry"))
				requireNothing(t, rig)
				require.Empty(t, rig.outcomes(), "the window is still there to try again")
				requireView(t, rig.window().callback(t, answer), ViewStale) // it was good for one answer
			}
		})
	}
	t.Run("what the server says is for the console", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		required(rig)
		window := rig.window()
		for _, tt := range []struct {
			change func(form) form
			cause  string
		}{
			{failed("error", "access_denied", "error_description", "not assigned"), "not assigned"},
			{failed("error", "server_error", "error_description", "try later"), "try later"},
			{func(answer form) form { return answer.without("iss").with("error", "login_required") }, "login_required"},
		} {
			page := window.callback(t, tt.change(window.authorize(t, window.login(t, aliceLogin))))
			require.Equal(t, tt.cause, detail(page, "cause"))
		}
	})
	t.Run("the issuer where one is required", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		required(rig)
		require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	})
}

// The attacker has a code for his own account, and leads the victim's browser back with
// it: whether the victim is amid a sign-in or signed in, nothing becomes of it.
func TestAnAttackersCode(t *testing.T) {
	t.Parallel()
	victim := newRig(t)
	attacker := newRig(t)
	theirs := attacker.window()
	injected := theirs.authorize(t, theirs.login(t, "client=main"))
	window := victim.window()
	own := window.authorize(t, window.login(t, aliceLogin))

	requireView(t, window.callback(t, injected), ViewStale)
	requireNothing(t, victim)
	state, _ := own.get("state")
	code, _ := injected.get("code")
	victim.codes["of-"+code] = attacker.codes[code]
	requireView(t, window.callback(t, injected.with("state", state).with("code", "of-"+code)), ViewServer, "code", "invalid_grant")
	requireNothing(t, victim)

	require.Equal(t, aliceHome, window.signIn(t, aliceLogin).URL)
	before := victim.store.record("session/main")
	require.Equal(t, aliceHome, window.callback(t, injected).URL, "signed in as before, and on to where this window wanted")
	require.Equal(t, before, victim.store.record("session/main"))
	require.Len(t, victim.server.asked(tokenURL), 2, "their code is sent nowhere again")
}

func TestTokenEndpointFails(t *testing.T) {
	t.Parallel()
	reply := func(status int, body string) func(map[string]any) FetchResponse {
		return func(map[string]any) FetchResponse { return jsonResponse(status, body) }
	}
	for name, tt := range map[string]struct {
		reply  func(map[string]any) FetchResponse
		err    error
		view   View
		detail string
	}{
		"an error":               {reply(400, `{"error":"invalid_grant"}`), nil, ViewServer, "invalid_grant"},
		"an error of no meaning": {reply(503, `busy`), nil, ViewServer, "unknown"},
		"an error with words":    {reply(400, `{"error":"Call 0900"}`), nil, ViewServer, "unknown"},
		"no error status":        {reply(302, ``), nil, ViewServer, "unknown"},
		"garbage":                {reply(200, `<html>`), nil, ViewUntrusted, "tokens"},
		"no token":               {reply(200, `{"token_type":"Bearer"}`), nil, ViewUntrusted, "tokens"},
		"another type of token":  {reply(200, `{"access_token":"a","token_type":"mac"}`), nil, ViewUntrusted, "tokens"},
		"a token for a header":   {reply(200, `{"access_token":"a\nb"}`), nil, ViewUntrusted, "tokens"},
		"no network":             {nil, ErrNetwork, ViewNetwork, ""},
		"an endless answer":      {nil, errDisk, ViewUntrusted, "tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			rig.reply = tt.reply
			if tt.err != nil {
				rig.server.bend(always(FetchResponse{}, tt.err))
			}
			page := rig.window().signIn(t, aliceLogin)
			requireView(t, page, tt.view, "return", aliceHome)
			require.Equal(t, tt.detail, detail(page, "reason")+detail(page, "code"))
			requireNothing(t, rig)
		})
	}
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig := newRig(t)
			rig.server.bend(hang)
			began := time.Now()
			requireView(t, rig.window().signIn(t, aliceLogin), ViewNetwork)
			require.Equal(t, 30*time.Second, time.Since(began))
		})
	})
	t.Run("no key for the proof", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		answer := window.authorize(t, window.login(t, aliceLogin))
		rig.client.DPoP = true
		window.proxy.crypto = &noKeys{rig.crypto, 0}
		requireView(t, window.callback(t, answer), ViewStorage)
	})
}

func TestIDTokenIsChecked(t *testing.T) {
	t.Parallel()
	claims := func(name string, value any) func(*testing.T, *pagesRig) {
		return func(_ *testing.T, rig *pagesRig) { rig.claims = jwt.MapClaims{name: value} }
	}
	now := newOrigin(t).clock().Unix()
	tests := []struct {
		name    string
		login   string
		prepare func(t *testing.T, rig *pagesRig)
		good    bool
	}{
		{"as it is", "", func(*testing.T, *pagesRig) {}, true},
		{"another audience", "", claims("aud", "other"), false},
		{"two audiences, and issued to us", "", func(_ *testing.T, rig *pagesRig) {
			rig.claims = jwt.MapClaims{"aud": []string{"other", "spa"}, "azp": "spa"}
		}, true},
		{"two audiences", "", claims("aud", []string{"other", "spa"}), false},
		{"issued to another", "", claims("azp", "other"), false},
		{"another issuer", "", claims("iss", "https://evil.example.com"), false},
		{"no issuer", "", claims("iss", nil), false},
		{"another nonce", "", claims("nonce", "n"), false},
		{"no nonce", "", claims("nonce", nil), false},
		{"no subject", "", claims("sub", nil), false},
		{"expired", "", claims("exp", now-301), false},
		{"no end", "", claims("exp", nil), false},
		{"of the future", "", claims("iat", now+301), false},
		{"another access token", "", claims("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), false},
		{"no at_hash", "", claims("at_hash", nil), true},
		{"signed in lately", "&max_age=60", claims("auth_time", now-60), true},
		{"signed in long ago", "&max_age=60", claims("auth_time", now-361), false},
		{"signed in nobody knows when", "&max_age=60", claims("auth_time", nil), false},
		{"signed in long ago, which nobody asked", "", claims("auth_time", now-1e6), true},
		{"a max_age of ages", "&max_age=999999999999999999", claims("auth_time", now-1e6), true},
		{"a max_age of ages, signed in nobody knows when", "&max_age=999999999999999999", claims("auth_time", nil), false},
		{"one of the acr asked for", "&acr_values=platinum+gold", claims("acr", "gold"), true},
		{"another acr", "&acr_values=platinum+gold", claims("acr", "silver"), false},
		{"no acr", "&acr_values=gold", claims("acr", nil), false},
		{"no acr asked for", "&acr_values=+", claims("acr", nil), true},
		{"another key", "", func(t *testing.T, rig *pagesRig) {
			x, y := nativeKey{rig.newKey(t)}.Public()
			body := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"key-1","x":%q,"y":%q}]}`, x, y)
			rig.keys = func() FetchResponse { return jsonResponse(200, body) }
		}, false},
		{"an unknown key", "", func(_ *testing.T, rig *pagesRig) { rig.header = map[string]any{"kid": "key-2"} }, false},
		{"a key of its own", "", func(t *testing.T, rig *pagesRig) {
			honest := rig.key
			x, y := nativeKey{honest}.Public()
			body := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"key-1","x":%q,"y":%q}]}`, x, y)
			rig.keys = func() FetchResponse { return jsonResponse(200, body) }
			rig.key = rig.newKey(t)
			x, y = nativeKey{rig.key}.Public()
			rig.header = map[string]any{"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": x, "y": y}}
		}, false},
		{"no keys", "", func(_ *testing.T, rig *pagesRig) {
			rig.keys = func() FetchResponse { return jsonResponse(200, `{"keys":[]}`) }
		}, false},
		{"no key set", "", func(_ *testing.T, rig *pagesRig) {
			rig.keys = func() FetchResponse { return jsonResponse(200, `<html>`) }
		}, false},
		{"another algorithm", "", func(_ *testing.T, rig *pagesRig) { rig.header = map[string]any{"alg": "RS256"} }, false},
		{"HS256", "", func(_ *testing.T, rig *pagesRig) { rig.header = map[string]any{"alg": "HS256"} }, false},
		{"none", "", func(_ *testing.T, rig *pagesRig) { rig.header = map[string]any{"alg": "none"} }, false},
		{"a logout token", "", func(_ *testing.T, rig *pagesRig) { rig.header = map[string]any{"typ": "logout+jwt"} }, false},
		{"not there", "", withIDToken(func(string) any { return nil }), false},
		{"no token", "", withIDToken(func(string) any { return "x" }), false},
		{"no signature", "", withIDToken(func(good string) any { return good[:strings.LastIndexByte(good, '.')+1] }), false},
		{"a broken signature", "", withIDToken(func(good string) any {
			last := map[bool]string{true: "B", false: "A"}[good[len(good)-40] == 'A']
			return good[:len(good)-40] + last + good[len(good)-39:]
		}), false},
		{"cryptography that fails", "", func(_ *testing.T, rig *pagesRig) {
			rig.keys = func() FetchResponse {
				rig.crypto.fail(errDisk)
				x, y := nativeKey{rig.key}.Public()
				return jsonResponse(200, fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":%q,"y":%q}]}`, x, y))
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			tt.prepare(t, rig)
			page := rig.window().signIn(t, aliceLogin+tt.login)
			if tt.good {
				require.Equal(t, Page{URL: aliceHome}, page)
				require.Equal(t, "access-of-code-1", rig.stored(t, "main").access.Expose())
				return
			}
			requireView(t, page, ViewUntrusted, "reason", "id_token", "return", aliceHome)
			requireNothing(t, rig, aliceRevoked...)
		})
	}
	t.Run("no digest of the access token", func(t *testing.T) {
		t.Parallel()
		for _, hash := range []any{nil, "AAAAAAAAAAAAAAAAAAAAAA"} {
			rig := newRig(t)
			rig.claims = jwt.MapClaims{"at_hash": hash}
			window := rig.window()
			answer := window.authorize(t, window.login(t, aliceLogin))
			window.proxy.crypto = noDigest{rig.crypto}
			requireView(t, window.callback(t, answer), ViewUntrusted, "reason", "id_token")
			requireNothing(t, rig, aliceRevoked...)
		}
	})
	// At many servers the tokens of the second sign-in are of the same grant as those of
	// the first, and cannot be revoked without them.
	t.Run("where a session is stored", func(t *testing.T) {
		t.Parallel()
		for view, prepare := range map[View]func(*pagesRig){
			ViewUntrusted: func(rig *pagesRig) { rig.claims = jwt.MapClaims{"acr": "bronze"} },
			ViewNetwork:   func(rig *pagesRig) { rig.keys = func() FetchResponse { return FetchResponse{Status: 503} } },
		} {
			rig := newRig(t)
			window := rig.window()
			require.Equal(t, aliceHome, window.signIn(t, aliceLogin).URL)
			before := rig.store.record("session/main")
			prepare(rig)
			requireView(t, window.signIn(t, aliceLogin+"&acr_values=gold"), view)
			require.Equal(t, before, rig.store.record("session/main"))
			require.Empty(t, revocations(rig.origin), "%s: the session goes on", view)
		}
	})
	t.Run("the keys are not to be had", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.keys = func() FetchResponse { return FetchResponse{Status: 503} }
		requireView(t, rig.window().signIn(t, aliceLogin), ViewNetwork)
		requireNothing(t, rig, aliceRevoked...)
	})
	t.Run("the keys never come", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig := newRig(t)
			rig.server.bend(func(ctx context.Context, r FetchRequest) (FetchResponse, error) {
				if r.URL == keysURL || r.URL == revokeURL {
					return hang(ctx, r)
				}
				return rig.serve(ctx, r)
			})
			began := time.Now()
			requireView(t, rig.window().signIn(t, aliceLogin), ViewNetwork)
			require.Equal(t, 30*time.Second+2*revokeTimeout, time.Since(began))
			requireNothing(t, rig, aliceRevoked...)
		})
	})
}

// noDigest cannot hash.
type noDigest struct{ Crypto }

func (noDigest) Digest(context.Context, string, []byte) ([]byte, error) { return nil, errDisk }

// withIDToken changes the id_token that the server sends; nil takes it away.
func withIDToken(change func(good string) any) func(*testing.T, *pagesRig) {
	return func(t *testing.T, rig *pagesRig) {
		rig.reply = func(good map[string]any) FetchResponse {
			good["id_token"] = change(good["id_token"].(string))
			if good["id_token"] == nil {
				delete(good, "id_token")
			}
			body, err := json.Marshal(good)
			require.NoError(t, err)
			return jsonResponse(200, string(body))
		}
	}
}

func TestCallbackOfAnotherDeployment(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*pagesRig, *window, form) {
		rig := newRig(t)
		window := rig.window()
		return rig, window, window.authorize(t, window.login(t, aliceLogin))
	}
	t.Run("the client is gone", func(t *testing.T) {
		t.Parallel()
		rig, window, answer := begin(t)
		rig.client.Name, rig.client.ID = "new", "new"
		requireView(t, window.callback(t, answer), ViewStale, "retry", "", "return", appOrigin+"/")
		requireNothing(t, rig)
		require.Empty(t, rig.asked())
	})
	t.Run("the client is the app's", func(t *testing.T) {
		t.Parallel()
		rig, window, answer := begin(t)
		rig.client.SignIn = policy.SignIn{}
		requireView(t, window.callback(t, answer), ViewStale, "retry", "", "return", appOrigin+"/")
		require.Empty(t, rig.asked())
	})
	t.Run("the issuer is another", func(t *testing.T) {
		t.Parallel()
		rig, window, answer := begin(t)
		rig.client.Issuer = "https://new.example.com"
		page := window.callback(t, answer.with("iss", "https://new.example.com"))
		requireView(t, page, ViewStale, "return", aliceHome)
		require.NotEmpty(t, detail(page, "retry"))
		require.Empty(t, rig.asked(), "no code goes to another server")
	})
	t.Run("the app is elsewhere", func(t *testing.T) {
		t.Parallel()
		rig, window, answer := begin(t)
		rig.table.AppOrigin = "https://new.example.com"
		require.Equal(t, Page{URL: "https://new.example.com/"}, window.callback(t, answer))
		require.Equal(t, Page{URL: "https://new.example.com/"}, window.callback(t, answer), "nor by what the window remembers")
	})
}

func TestCallbackPageIsLoadedAnew(t *testing.T) {
	t.Parallel()
	t.Run("before anybody is signed in", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		window.login(t, aliceLogin)
		page := window.callback(t, nil)
		requireView(t, page, ViewStale, "return", aliceHome, "retry", "/"+protocol.LoginPage+"#"+window.request)
	})
	t.Run("signed in", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		window.signIn(t, aliceLogin)
		require.Equal(t, Page{URL: aliceHome}, window.callback(t, nil))
	})
	t.Run("signed in, by a popup", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.window().signIn(t, aliceLogin)
		window := rig.window()
		window.login(t, popupLogin)
		requireView(t, window.callback(t, nil), ViewClose)
		require.Equal(t, []string{"handle popup-1 outcome ok"}, rig.outcomes())
	})
	t.Run("with tokens that are over", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.reply = func(map[string]any) FetchResponse { return jsonResponse(200, `{"access_token":"a","expires_in":60}`) }
		rig.client.Scope = ""
		window := rig.window()
		require.Equal(t, aliceHome, window.signIn(t, aliceLogin).URL)
		rig.advance(time.Hour)
		requireView(t, window.callback(t, nil), ViewStale)
	})
	t.Run("remembering what is no request", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.window().signIn(t, aliceLogin)
		for _, remembered := range []string{"x", "client=other", "client=main&state=s", strings.Repeat("a", maxLogin+1)} {
			requireView(t, rig.window().Callback(t.Context(), "", remembered), ViewStale, "return", appOrigin+"/", "retry", "")
		}
		page := rig.window().Callback(t.Context(), "", "client=main&return_to=https%3A%2F%2Fapp.example.com.evil%2F")
		require.Equal(t, Page{URL: appOrigin + "/"}, page)
	})
	t.Run("with a store that fails", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window := rig.window()
		window.login(t, aliceLogin)
		rig.store.fail(errDisk, errDisk, errDisk)
		page := window.callback(t, nil)
		requireView(t, page, ViewStorage, "return", aliceHome)
		require.NotEmpty(t, detail(page, "retry"))
	})
}

func TestTwoWindowsSignInAtOnce(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	frame := rig.open()
	one, two := rig.window(), rig.window()
	first := one.login(t, aliceLogin)
	second := two.login(t, popupLogin)
	answer := two.authorize(t, second)
	require.Equal(t, aliceHome, one.callback(t, one.authorize(t, first)).URL)
	requireView(t, two.callback(t, answer), ViewClose)
	require.Equal(t, "access-of-code-1", bearer(frame.get(t.Context())), "the last one counts")
	require.Equal(t, []string{"handle popup-1 outcome ok"}, rig.outcomes())
	require.Empty(t, rig.transactions(t))

	// And at the very same moment.
	done := make(chan Page)
	for range 8 {
		go func() { done <- rig.window().signIn(t, aliceLogin) }()
	}
	for range 8 {
		require.Equal(t, Page{URL: aliceHome}, <-done)
	}
	require.Empty(t, rig.transactions(t))
	require.NotContains(t, rig.locks.held(), transactionsLock)
	require.NotContains(t, rig.locks.held(), writeLock("main"))
}

func TestCallbackWithoutStorage(t *testing.T) {
	t.Parallel()
	unlocked := func(name string) func(*testing.T, *pagesRig, *window) {
		return func(t *testing.T, rig *pagesRig, _ *window) {
			unlock, err := rig.locks.Lock(t.Context(), name, Exclusive)
			require.NoError(t, err)
			t.Cleanup(unlock)
		}
	}
	// The rest of these fail after the transaction is taken.
	afterwards := func(fail func(rig *pagesRig, w *window)) func(*testing.T, *pagesRig, *window) {
		return func(t *testing.T, rig *pagesRig, w *window) {
			rig.reply = func(good map[string]any) FetchResponse {
				fail(rig, w)
				body, err := json.Marshal(good)
				require.NoError(t, err)
				return jsonResponse(200, string(body))
			}
		}
	}
	for name, tt := range map[string]struct {
		prepare func(*testing.T, *pagesRig, *window)
		view    View // "" when the sign-in succeeds
		revoked []string
		takes   time.Duration
	}{
		"the transactions cannot be read": {func(_ *testing.T, rig *pagesRig, _ *window) {
			rig.store.fail(errDisk, nil, nil)
		}, ViewStorage, nil, 0},
		"the transactions cannot be written": {func(_ *testing.T, rig *pagesRig, _ *window) {
			rig.store.fail(nil, errDisk, nil)
		}, ViewStorage, nil, 0},
		"the transactions cannot be sealed": {func(_ *testing.T, _ *pagesRig, w *window) {
			w.proxy.sessions.sealer = failingSealer{}
		}, ViewStorage, nil, 0},
		"the transactions are of another key": {func(_ *testing.T, rig *pagesRig, _ *window) {
			rig.store.put(transactionsName, []byte("garbage"))
		}, ViewStale, nil, 0},
		"the transactions are locked": {unlocked(transactionsLock), ViewNetwork, nil, 30 * time.Second},
		"the session is locked":       {unlocked(writeLock("main")), ViewNetwork, aliceRevoked, 30 * time.Second},
		"whose session is there cannot be read": {afterwards(func(rig *pagesRig, _ *window) {
			rig.store.fail(errDisk, nil, nil)
		}), ViewStorage, nil, 0},
		"the session cannot be written": {afterwards(func(rig *pagesRig, _ *window) {
			rig.store.fail(nil, errDisk, nil)
		}), ViewStorage, aliceRevoked, 0},
		"the session cannot be sealed": {afterwards(func(_ *pagesRig, w *window) {
			w.proxy.sessions.sealer = failingSealer{}
		}), ViewStorage, aliceRevoked, 0},
		"nothing works any more": {afterwards(func(rig *pagesRig, _ *window) {
			rig.store.fail(errDisk, errDisk, errDisk)
		}), ViewStorage, nil, 0},
		"the other frames cannot be told": {afterwards(func(_ *pagesRig, w *window) {
			w.proxy.sessions.bus = mute{}
		}), "", nil, 0},
		"the session before cannot be read": {func(_ *testing.T, rig *pagesRig, _ *window) {
			rig.store.put("session/main", []byte("garbage"))
		}, "", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig := newRig(t)
				window := rig.window()
				answer := window.authorize(t, window.login(t, aliceLogin))
				tt.prepare(t, rig, window)
				began := time.Now()
				page := window.callback(t, answer)
				require.Equal(t, tt.takes, time.Since(began))
				require.Equal(t, tt.revoked, revocations(rig.origin))
				rig.store.fail(nil, nil, nil)
				if tt.view == "" {
					require.Equal(t, Page{URL: aliceHome}, page)
					require.Equal(t, "access-of-code-1", rig.stored(t, "main").access.Expose())
					return
				}
				requireView(t, page, tt.view, "return", aliceHome)
				require.NotEmpty(t, detail(page, "retry"))
				require.Nil(t, rig.store.record("session/main"))
			})
		})
	}
}

// bobAsks has alice signed in, and bob come back from the server in a second window.
func bobAsks(t testing.TB, rig *pagesRig, fragment string) (*window, Page) {
	t.Helper()
	require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	rig.set(func() { rig.claims = jwt.MapClaims{"sub": "bob", "name": "Bob", "sid": "session-2"} })
	window := rig.window()
	return window, window.callback(t, window.authorize(t, window.login(t, fragment)).with("iss", authIssuer))
}

func TestAccountChange(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]string{"redirect": aliceLogin, "popup": aliceLogin + "&handle=popup-1"} {
		outcome := func(of string) []string {
			if name == "popup" {
				return []string{"handle popup-1 outcome " + of}
			}
			return nil
		}
		requireEnd := func(t *testing.T, page Page) {
			t.Helper()
			if name == "popup" {
				requireView(t, page, ViewClose)
			} else {
				require.Equal(t, Page{URL: aliceHome}, page)
			}
		}
		begin := func(t *testing.T) (*pagesRig, *window, string, []byte) {
			rig := newRig(t)
			rig.reply = func(good map[string]any) FetchResponse { // with names that tell them apart
				good["access_token"] = "access-of-" + fmt.Sprint(len(rig.server.requests))
				return idReply(t, good)
			}
			rig.claims = jwt.MapClaims{"at_hash": nil}
			require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
			before := rig.store.record("session/main")
			rig.set(func() { rig.claims = jwt.MapClaims{"sub": "bob", "name": "Bob", "at_hash": nil} })
			window := rig.window()
			page := window.signIn(t, login)
			requireView(t, page, ViewAccountChange, "old", "Alice", "new", "Bob")
			require.Equal(t, before, rig.store.record("session/main"), "nothing has changed yet")
			require.Empty(t, rig.outcomes())
			return rig, window, detail(page, "handle"), before
		}
		t.Run(name+": keep", func(t *testing.T) {
			t.Parallel()
			for _, choice := range []string{ChoiceKeep, "", "what"} {
				rig, window, handle, before := begin(t)
				requireEnd(t, window.Confirm(t.Context(), handle, choice))
				require.Equal(t, before, rig.store.record("session/main"))
				revoked := revocations(rig.origin)
				require.Len(t, revoked, 2)
				require.Contains(t, revoked[0], "refresh_token refresh-of-")
				require.Contains(t, revoked[1], "access_token access-of-")
				require.NotContains(t, revoked[1], rig.stored(t, "main").access.Expose())
				require.Equal(t, outcome("account_kept"), rig.outcomes())
				requireView(t, window.Confirm(t.Context(), handle, ChoiceReplace), ViewStale) // it was good once
				require.Equal(t, before, rig.store.record("session/main"))
				require.Equal(t, outcome("account_kept"), rig.outcomes())
			}
		})
		t.Run(name+": replace", func(t *testing.T) {
			t.Parallel()
			rig, window, handle, before := begin(t)
			requireEnd(t, window.Confirm(t.Context(), handle, ChoiceReplace))
			require.JSONEq(t, `{"sub":"bob","name":"Bob"}`, rig.stored(t, "main").claims)
			require.Equal(t, outcome("ok"), rig.outcomes())
			revoked := revocations(rig.origin)
			require.Len(t, revoked, 2, "what the other account had")
			for _, of := range revoked {
				require.NotContains(t, of, rig.stored(t, "main").access.Expose())
			}
			after := rig.store.record("session/main")
			require.NotEqual(t, before, after)
			for _, choice := range []string{ChoiceKeep, ChoiceReplace, ChoiceAsk} {
				requireView(t, window.Confirm(t.Context(), handle, choice), ViewStale)
			}
			require.Equal(t, after, rig.store.record("session/main"))
			require.Len(t, revocations(rig.origin), 2)
			require.Equal(t, outcome("ok"), rig.outcomes())
		})
		t.Run(name+": asked again", func(t *testing.T) {
			t.Parallel()
			rig, window, handle, before := begin(t)
			page := window.Confirm(t.Context(), handle, ChoiceAsk)
			requireView(t, page, ViewAccountChange, "old", "Alice", "new", "Bob")
			require.Equal(t, handle, detail(page, "handle"), "the word is still open")
			require.Equal(t, before, rig.store.record("session/main"))
			requireEnd(t, window.Confirm(t.Context(), detail(page, "handle"), ChoiceReplace))
			require.NotEqual(t, before, rig.store.record("session/main"))
			require.Equal(t, outcome("ok"), rig.outcomes())
		})
		t.Run(name+": too late", func(t *testing.T) {
			t.Parallel()
			rig, window, handle, before := begin(t)
			rig.advance(transactionLifetime)
			requireView(t, window.Confirm(t.Context(), handle, ChoiceReplace), ViewStale)
			require.Equal(t, before, rig.store.record("session/main"))
			rig.window().login(t, aliceLogin)
			require.Len(t, revocations(rig.origin), 2, "tokens that nobody can have any more are revoked")
			require.Empty(t, rig.outcomes())
		})
		t.Run(name+": the account has signed out meanwhile", func(t *testing.T) {
			t.Parallel()
			for _, choice := range []string{ChoiceAsk, ChoiceReplace} {
				rig, window, handle, _ := begin(t)
				require.Equal(t, []string{"ok"}, rig.open().call(t.Context(), protocol.CallRemove, "main"))
				requireView(t, window.Confirm(t.Context(), handle, choice), ViewStale)
				require.Nil(t, rig.store.record("session/main"), "nobody said so")
				require.Len(t, revocations(rig.origin), 2)
				requireView(t, window.Confirm(t.Context(), handle, choice), ViewStale)
				require.Nil(t, rig.store.record("session/main"))
			}
		})
	}
}

// idReply is a token response.
func idReply(t testing.TB, members map[string]any) FetchResponse {
	t.Helper()
	body, err := json.Marshal(members)
	require.NoError(t, err)
	return jsonResponse(200, string(body))
}

func TestAccountChangeIsForChanges(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(rig *pagesRig)
		asks   bool
	}{
		"the same account":                   {func(*pagesRig) {}, false},
		"the same account by another name":   {func(rig *pagesRig) { rig.claims = jwt.MapClaims{"name": "A."} }, false},
		"another account":                    {func(rig *pagesRig) { rig.claims = jwt.MapClaims{"sub": "bob"} }, true},
		"an account in other letters":        {func(rig *pagesRig) { rig.claims = jwt.MapClaims{"sub": "Alice"} }, true},
		"the same sub at another server":     {func(rig *pagesRig) { rig.reissue("https://old.example.com") }, true},
		"a session of another deployment":    {func(rig *pagesRig) { rig.client.Issuer = "https://new.example.com" }, false},
		"another account, no OpenID Connect": {func(rig *pagesRig) { rig.client.Scope = "items" }, false},
		"another account, nobody signed in": {func(rig *pagesRig) {
			rig.claims = jwt.MapClaims{"sub": "bob"}
			rig.store.put("session/main", nil)
		}, false},
		"another account, a session that cannot be read": {func(rig *pagesRig) {
			rig.claims = jwt.MapClaims{"sub": "bob"}
			rig.store.put("session/main", []byte("garbage"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
			tt.change(rig)
			if rig.claims == nil {
				rig.claims = jwt.MapClaims{}
			}
			rig.claims["iss"] = rig.client.Issuer
			window := rig.window()
			page := window.callback(t, window.authorize(t, window.login(t, aliceLogin)).with("iss", rig.client.Issuer))
			if tt.asks {
				requireView(t, page, ViewAccountChange)
			} else {
				require.Equal(t, Page{URL: aliceHome}, page)
			}
		})
	}
}

func TestAccountNames(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.claims = jwt.MapClaims{"preferred_username": 7, "email": "alice@example.com"}
	rig.window().signIn(t, aliceLogin)
	rig.claims = jwt.MapClaims{"sub": "bob", "name": nil}
	requireView(t, rig.window().signIn(t, aliceLogin), ViewAccountChange, "old", "alice@example.com", "new", "bob")
	rig.claims = jwt.MapClaims{"sub": "bob", "preferred_username": "bobby"}
	requireView(t, rig.window().signIn(t, aliceLogin), ViewAccountChange, "new", "bobby")
}

// Names may be the same, or look so: with each stands what the server tells accounts
// apart by, unless that is the name already.
func TestAccountNamesHaveTheirSubjects(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.claims = jwt.MapClaims{"preferred_username": "alice"}
	require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	rig.claims = jwt.MapClaims{"sub": "bob", "preferred_username": "al\u200bice"}
	requireView(t, rig.window().signIn(t, aliceLogin), ViewAccountChange, "old", "alice", "oldSubject", "alice", "new", "al\u200bice", "newSubject", "bob")
	rig.claims = jwt.MapClaims{"sub": "bob", "name": nil}
	requireView(t, rig.window().signIn(t, aliceLogin), ViewAccountChange, "new", "bob", "newSubject", "")
}

func TestConfirmRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a handle of something else", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window, page := bobAsks(t, rig, aliceLogin)
		requireView(t, page, ViewAccountChange)
		rig.window().login(t, aliceLogin)
		for _, handle := range []string{"", "x", rig.transactions(t)[1].id} {
			requireView(t, window.Confirm(t.Context(), handle, ChoiceReplace), ViewStale, "return", appOrigin+"/")
		}
		require.JSONEq(t, `{"sub":"alice","name":"Alice"}`, rig.stored(t, "main").claims)
		require.Equal(t, Page{URL: aliceHome}, window.Confirm(t.Context(), detail(page, "handle"), ChoiceReplace))
	})
	t.Run("another deployment", func(t *testing.T) {
		t.Parallel()
		for _, choice := range []string{ChoiceKeep, ChoiceReplace, ChoiceAsk} {
			for _, change := range []func(*policy.Client){
				func(c *policy.Client) { c.Issuer = "https://new.example.com" },
				func(c *policy.Client) { c.ID = "spa-2" },
				func(c *policy.Client) { c.Name, c.ID = "new", "new" },
			} {
				rig := newRig(t)
				window, page := bobAsks(t, rig, aliceLogin)
				before := rig.store.record("session/main")
				change(rig.client)
				requireView(t, window.Confirm(t.Context(), detail(page, "handle"), choice), ViewStale)
				require.Equal(t, before, rig.store.record("session/main"))
				require.Empty(t, revocations(rig.origin), "no token goes to another server")
			}
		}
	})
	t.Run("without storage", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window, page := bobAsks(t, rig, aliceLogin)
		rig.store.fail(nil, errDisk, nil)
		requireView(t, window.Confirm(t.Context(), detail(page, "handle"), ChoiceReplace), ViewStorage)
		require.Empty(t, revocations(rig.origin), "it can still be confirmed")
		rig.store.fail(nil, nil, nil)
		require.Equal(t, Page{URL: aliceHome}, window.Confirm(t.Context(), detail(page, "handle"), ChoiceReplace))
	})
	t.Run("a session that cannot be replaced", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig := newRig(t)
			window, page := bobAsks(t, rig, aliceLogin)
			unlock, err := rig.locks.Lock(t.Context(), writeLock("main"), Exclusive)
			require.NoError(t, err)
			defer unlock()
			requireView(t, window.Confirm(t.Context(), detail(page, "handle"), ChoiceReplace), ViewNetwork)
			require.JSONEq(t, `{"sub":"alice","name":"Alice"}`, rig.stored(t, "main").claims)
			require.Equal(t, secondRevoked, revocations(rig.origin), "of who does not stay")
		})
	})
	t.Run("who came is signed in meanwhile, in another tab", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		window, page := bobAsks(t, rig, aliceLogin)
		other := rig.window()
		question := other.signIn(t, aliceLogin)
		require.Equal(t, Page{URL: aliceHome}, other.Confirm(t.Context(), detail(question, "handle"), ChoiceReplace))
		require.Equal(t, aliceRevoked, revocations(rig.origin))
		require.Equal(t, Page{URL: aliceHome}, window.Confirm(t.Context(), detail(page, "handle"), ChoiceKeep))
		require.Equal(t, aliceRevoked, revocations(rig.origin), "nothing that the session could live on")
	})
	t.Run("a question that cannot be kept", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.window().signIn(t, aliceLogin)
		rig.claims = jwt.MapClaims{"sub": "bob"}
		rig.keys = func() FetchResponse {
			rig.store.fail(nil, errDisk, nil)
			x, y := nativeKey{rig.key}.Public()
			return jsonResponse(200, fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":%q,"y":%q,"kid":"key-1"}]}`, x, y))
		}
		requireView(t, rig.window().signIn(t, aliceLogin), ViewStorage, "return", aliceHome)
		require.Equal(t, secondRevoked, revocations(rig.origin))
		rig.store.fail(nil, nil, nil)
		require.JSONEq(t, `{"sub":"alice","name":"Alice"}`, rig.stored(t, "main").claims)
	})
}
