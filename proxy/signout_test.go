package proxy

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// everywhere is the page's logout({everywhere: true}).
func (f *frame) everywhere(ctx context.Context) []string {
	return f.Call(ctx, []string{"v", "1", "type", "call", "call", "logout", "client", "main", "everywhere", "true"})
}

// signedInByVault has alice signed in, with a frame of the app.
func signedInByVault(t testing.TB) (*pagesRig, *frame) {
	t.Helper()
	rig := newRig(t)
	frame := rig.open()
	require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	return rig, frame
}

// logout opens the sign-out page.
func (w *window) logout(t testing.TB, fragment string) Page {
	t.Helper()
	return w.Logout(t.Context(), fragment, returnTarget(fragment))
}

// ticketOf signs out, and returns the fragment of the page that ends it at the server.
func ticketOf(t testing.TB, frame *frame) string {
	t.Helper()
	result := frame.everywhere(t.Context())
	require.Len(t, result, 3, "%v", result)
	require.Equal(t, []string{"ok", "url"}, result[:2])
	fragment, ok := strings.CutPrefix(result[2], vaultOrigin+"/logout.html#ticket=")
	require.True(t, ok, result[2])
	return "ticket=" + fragment
}

func TestLogoutOfAnOwnedClient(t *testing.T) {
	t.Parallel()
	t.Run("here", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		require.Equal(t, []string{"ok", "url", ""}, frame.call(t.Context(), protocol.CallLogout, "main"))
		require.Equal(t, aliceRevoked, revocations(rig.origin))
		require.Nil(t, rig.store.record("session/main"))
		require.Empty(t, rig.transactions(t))
		require.Empty(t, rig.server.asked(endURL), "the server is not asked behind the user's back")
	})
	t.Run("everywhere", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		token := rig.stored(t, "main").id.Expose()
		fragment := ticketOf(t, frame)
		require.Equal(t, aliceRevoked[1:], revocations(rig.origin), "the refresh token may be what the server's session hangs on")
		require.Nil(t, rig.store.record("session/main"), "forgotten before anybody goes anywhere")
		require.NotContains(t, fragment, token)
		require.Contains(t, frame.heard(), "main signedout")
		require.Empty(t, rig.server.asked(endURL))

		window := rig.window()
		page := window.logout(t, fragment+"&return_to=%2Faccount%2F1")
		require.Empty(t, page.View)
		address, err := url.Parse(page.URL)
		require.NoError(t, err)
		require.Equal(t, endURL, address.Scheme+"://"+address.Host+address.Path)
		open := rig.transactions(t)
		require.Len(t, open, 1)
		require.Equal(t, url.Values{
			"id_token_hint": {token}, "client_id": {"spa"}, "state": {open[0].id},
			"post_logout_redirect_uri": {vaultOrigin + "/signed-out.html"},
		}, address.Query())

		query := "state=" + open[0].id
		for _, junk := range []string{"", "state=", "state=x", query + "&state=x", "%", "state=" + open[0].id + "A"} {
			requireView(t, window.SignedOut(t.Context(), junk, ""), ViewSignedOut, "return", appOrigin+"/")
		}
		require.Equal(t, aliceRevoked[1:], revocations(rig.origin))
		require.Equal(t, Page{URL: appOrigin + "/account/1"}, window.SignedOut(t.Context(), query, ""))
		require.ElementsMatch(t, aliceRevoked, revocations(rig.origin), "the refresh token after that")
		requireView(t, window.SignedOut(t.Context(), query, ""), ViewSignedOut, "return", appOrigin+"/")
	})
	t.Run("everywhere, without an end-session endpoint", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		rig.client.EndSession = policy.Endpoint{}
		require.Equal(t, []string{"ok", "url", ""}, frame.everywhere(t.Context()))
		require.Equal(t, aliceRevoked, revocations(rig.origin))
		require.Nil(t, rig.store.record("session/main"))
		require.Empty(t, rig.transactions(t))
	})
	for name, prepare := range map[string]func(*testing.T, *pagesRig){
		"nobody signed in": func(*testing.T, *pagesRig) {},
		"no id_token": func(t *testing.T, rig *pagesRig) {
			rig.client.Scope = ""
			rig.window().signIn(t, aliceLogin)
		},
		"an id_token that is too long for a URL": func(t *testing.T, rig *pagesRig) {
			rig.claims = jwt.MapClaims{"groups": strings.Repeat("x", maxHint)}
			rig.window().signIn(t, aliceLogin)
		},
		"a session that cannot be read": func(_ *testing.T, rig *pagesRig) {
			rig.store.put("session/main", []byte("garbage"))
		},
	} {
		t.Run("everywhere, without a hint: "+name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			prepare(t, rig)
			window := rig.window()
			address, err := url.Parse(window.logout(t, ticketOf(t, rig.open())).URL)
			require.NoError(t, err)
			require.Equal(t, url.Values{
				"client_id": {"spa"}, "state": {rig.transactions(t)[0].id},
				"post_logout_redirect_uri": {vaultOrigin + "/signed-out.html"},
			}, address.Query())
			require.Nil(t, rig.store.record("session/main"))
			require.Equal(t, Page{URL: appOrigin + "/"}, window.SignedOut(t.Context(), address.RawQuery, ""))
		})
	}
	t.Run("an end-session endpoint with a query", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		rig.client.EndSession.Query = "tenant=1"
		require.Contains(t, rig.window().logout(t, ticketOf(t, frame)).URL, endURL+"?tenant=1&client_id=")
	})
	t.Run("a client of the app is asked nothing new", func(t *testing.T) {
		t.Parallel()
		_, frame := signedInByVault(t)
		frame.signInAs(t, "spa2")
		result := frame.Call(t.Context(), []string{"v", "1", "type", "call", "call", "logout", "client", "other", "everywhere", "true"})
		require.Equal(t, []string{"ok"}, result)
	})
}

// A server that does not know state sends the user back without: the window remembers.
func TestSignedOutWithoutState(t *testing.T) {
	t.Parallel()
	rig, frame := signedInByVault(t)
	window := rig.window()
	page := window.logout(t, ticketOf(t, frame)+"&return_to=%2Faccount%2F1")
	require.Equal(t, []string{"handle", rig.transactions(t)[0].id}, page.Details)
	requireView(t, window.SignedOut(t.Context(), "", "x"), ViewSignedOut)
	requireView(t, window.SignedOut(t.Context(), "state=x", page.Details[1]), ViewSignedOut)
	require.Equal(t, Page{URL: appOrigin + "/account/1"}, window.SignedOut(t.Context(), "", page.Details[1]))
	require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
}

// Who does not go to the server, or not come back: the refresh token is revoked by the
// first page of the vault after ten minutes, unless somebody has signed in to the same
// account.
func TestRefreshTokenOfASignOutThatWasLeft(t *testing.T) {
	t.Parallel()
	t.Run("by a page that comes too late", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		fragment := ticketOf(t, frame)
		rig.advance(transactionLifetime)
		requireView(t, rig.window().logout(t, fragment), ViewSignedOut)
		rig.window().login(t, aliceLogin)
		require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
	})
	for name, leave := range map[string]func(t *testing.T, rig *pagesRig, f *frame){
		"at the server": func(t *testing.T, rig *pagesRig, f *frame) { rig.window().logout(t, ticketOf(t, f)) },
		"before it":     func(t *testing.T, _ *pagesRig, f *frame) { ticketOf(t, f) },
		"at a full disk": func(t *testing.T, rig *pagesRig, f *frame) {
			fragment := ticketOf(t, f)
			rig.store.fail(nil, errDisk, nil)
			requireView(t, rig.window().logout(t, fragment), ViewSignedOut)
			rig.store.fail(nil, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, frame := signedInByVault(t)
			leave(t, rig, frame)
			rig.advance(transactionLifetime)
			rig.window().login(t, aliceLogin)
			require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
		})
		t.Run(name+", when the same account is signed in", func(t *testing.T) {
			t.Parallel()
			rig, frame := signedInByVault(t)
			leave(t, rig, frame)
			before := revocations(rig.origin)
			require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
			rig.advance(transactionLifetime)
			rig.window().login(t, aliceLogin)
			require.Equal(t, before, revocations(rig.origin), "nothing that the session could live on")
		})
		t.Run(name+", when another account is", func(t *testing.T) {
			t.Parallel()
			rig, frame := signedInByVault(t)
			leave(t, rig, frame)
			rig.set(func() { rig.claims = jwt.MapClaims{"sub": "bob"} })
			require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
			rig.advance(transactionLifetime)
			rig.window().login(t, aliceLogin)
			require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
		})
	}
}

// A place to return to that is too long is left out, and costs nobody the end of a session.
func TestSignOutWithALongReturn(t *testing.T) {
	t.Parallel()
	rig, frame := signedInByVault(t)
	window := rig.window()
	page := window.logout(t, ticketOf(t, frame)+"&"+form{{"return_to", "/account/1?" + strings.Repeat("%", maxReturn)}}.encode())
	require.Equal(t, Page{URL: appOrigin + "/"}, window.SignedOut(t.Context(), "", detail(page, "handle")))
	require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
	require.Empty(t, rig.transactions(t))
}

// A double click, or two tabs at once: whoever goes on to the server has the session.
func TestSecondSignOut(t *testing.T) {
	t.Parallel()
	rig, frame := signedInByVault(t)
	first := ticketOf(t, frame)
	second := ticketOf(t, rig.open())
	requireView(t, rig.window().logout(t, first), ViewSignedOut)
	window := rig.window()
	page := window.logout(t, second)
	require.Contains(t, page.URL, "id_token_hint=")
	require.Equal(t, aliceRevoked[1:], revocations(rig.origin))
	window.SignedOut(t.Context(), "", detail(page, "handle"))
	require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
	for range maxTransactions {
		ticketOf(t, frame)
	}
	require.Len(t, rig.transactions(t), 1, "a script can push nothing out by it")
}

// A script that signs out again and again keeps nothing alive by it.
func TestSecondSignOutIsNoLonger(t *testing.T) {
	t.Parallel()
	rig, frame := signedInByVault(t)
	ticketOf(t, frame)
	rig.advance(transactionLifetime - time.Millisecond)
	second := ticketOf(t, frame)
	rig.advance(time.Millisecond)
	requireView(t, rig.window().logout(t, second), ViewSignedOut)
	rig.window().login(t, aliceLogin)
	require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
}

// A sign-out where nobody is signed in has nothing of what is none of the same.
func TestSignOutTakesOverItsOwnOnly(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, rig *pagesRig){
		"a sign-out of long ago": func(t *testing.T, rig *pagesRig) {
			ticketOf(t, rig.open())
			rig.advance(transactionLifetime)
		},
		"another client's": func(t *testing.T, rig *pagesRig) {
			ticketOf(t, rig.open())
			rig.deploy(func(table *policy.Table) { table.Clients[0].ID = "spa-2" })
		},
		"what waits for the user's word": func(t *testing.T, rig *pagesRig) {
			rig.window().keep(t, purposeAccountChange, rig.stored(t, "main"))
			require.Equal(t, []string{"ok"}, rig.open().call(t.Context(), protocol.CallRemove, "main"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, _ := signedInByVault(t)
			leave(t, rig)
			page := rig.window().logout(t, ticketOf(t, rig.open()))
			require.Contains(t, page.URL, endURL)
			require.NotContains(t, page.URL, "id_token_hint")
		})
	}
}

func TestTicketIsGoodOnce(t *testing.T) {
	t.Parallel()
	replace := func(fragment, name, value string) string {
		fields, err := parseForm(fragment)
		if err != nil {
			panic(err)
		}
		return fields.with(name, value).encode()
	}
	for name, tt := range map[string]struct {
		prepare func(rig *pagesRig)
		change  func(fragment string) string
		good    bool
	}{
		"as it is":            {nil, nil, true},
		"nothing":             {nil, func(string) string { return "" }, false},
		"no ticket":           {nil, func(string) string { return "return_to=x" }, false},
		"an empty ticket":     {nil, func(f string) string { return replace(f, "ticket", "") }, false},
		"another ticket":      {nil, func(f string) string { return replace(f, "ticket", "x") }, false},
		"a ticket and more":   {nil, func(f string) string { return f + "A" }, false},
		"two tickets":         {nil, func(f string) string { return f + "&ticket=x" }, false},
		"a broken escape":     {nil, func(f string) string { return f + "&x=%" }, false},
		"just in time":        {func(rig *pagesRig) { rig.advance(transactionLifetime - time.Millisecond) }, nil, true},
		"too late":            {func(rig *pagesRig) { rig.advance(transactionLifetime) }, nil, false},
		"clock set back":      {func(rig *pagesRig) { rig.advance(-transactionLifetime) }, nil, false},
		"another server":      {func(rig *pagesRig) { rig.client.Issuer = "https://new.example.com" }, nil, false},
		"another client_id":   {func(rig *pagesRig) { rig.client.ID = "spa-2" }, nil, false},
		"no server":           {func(rig *pagesRig) { rig.client.EndSession = policy.Endpoint{} }, nil, false},
		"a client of the app": {func(rig *pagesRig) { rig.client.SignIn = policy.SignIn{} }, nil, false},
		"a record of another key": {func(rig *pagesRig) {
			rig.store.put(transactionsName, []byte("garbage"))
		}, nil, false},
		"a store that cannot be read":       {func(rig *pagesRig) { rig.store.fail(errDisk, nil, nil) }, nil, false},
		"a store that cannot keep the rest": {func(rig *pagesRig) { rig.store.fail(nil, errDisk, nil) }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, frame := signedInByVault(t)
			fragment := ticketOf(t, frame)
			if tt.prepare != nil {
				tt.prepare(rig)
			}
			sent := fragment
			if tt.change != nil {
				sent = tt.change(fragment)
			}
			page := rig.window().logout(t, sent)
			if !tt.good {
				requireView(t, page, ViewSignedOut)
				if tt.prepare == nil {
					require.Contains(t, rig.window().logout(t, fragment).URL, endURL, "the ticket itself is still good")
				}
				return
			}
			require.Contains(t, page.URL, endURL)
			requireView(t, rig.window().logout(t, sent), ViewSignedOut) // it was good once
			require.Len(t, rig.transactions(t), 1, "the sign-out at the server")
		})
	}
}

// A page of another site, or the app, cannot sign anybody out by leading here.
func TestAForgedSignOutDoesNothing(t *testing.T) {
	t.Parallel()
	rig, _ := signedInByVault(t)
	before := rig.store.record("session/main")
	window := rig.window()
	for _, fragment := range []string{"", "ticket=x", "ticket=", "ticket=%00", "client=main&ticket=x"} {
		requireView(t, window.logout(t, fragment), ViewSignedOut, "return", appOrigin+"/")
		requireView(t, window.SignedOut(t.Context(), fragment, ""), ViewSignedOut)
		requireView(t, window.FrontChannelLogout(t.Context(), fragment), ViewSignedOut)
	}
	require.Equal(t, before, rig.store.record("session/main"))
	require.Empty(t, revocations(rig.origin))
}

func TestLogoutReturnsOnlyToTheApp(t *testing.T) {
	t.Parallel()
	for returnTo, want := range map[string]string{
		"":                                    appOrigin + "/",
		"/account/1":                          appOrigin + "/account/1",
		"/admin":                              appOrigin + "/",
		"https://evil.example.com/":           appOrigin + "/",
		"https://app.example.com.evil/":       appOrigin + "/",
		"https://user@app.example.com/":       appOrigin + "/",
		"http://app.example.com/":             appOrigin + "/",
		"javascript:alert(1)":                 appOrigin + "/",
		"https://vault.example.com/page.html": appOrigin + "/",
	} {
		rig, frame := signedInByVault(t)
		window := rig.window()
		page := window.logout(t, ticketOf(t, frame)+"&"+form{{"return_to", returnTo}}.encode())
		require.Contains(t, page.URL, endURL, returnTo)
		require.Equal(t, Page{URL: want}, window.SignedOut(t.Context(), "state="+rig.transactions(t)[0].id, ""), returnTo)
	}
}

func TestLogoutOfAnOwnedClientFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, rig *pagesRig, f *frame)
		code    protocol.Code
		gone    bool // from the store
		takes   time.Duration
	}{
		"it cannot be forgotten": {func(_ *testing.T, rig *pagesRig, _ *frame) {
			rig.store.fail(nil, nil, errDisk)
		}, protocol.CodeStorageFailed, false, 0},
		"the ticket cannot be stored": {func(_ *testing.T, rig *pagesRig, _ *frame) {
			rig.store.fail(nil, errDisk, nil)
		}, protocol.CodeStorageFailed, true, 0},
		"the ticket cannot be sealed": {func(_ *testing.T, _ *pagesRig, f *frame) {
			f.sessions.sealer = failingSealer{}
		}, protocol.CodeStorageFailed, true, 0},
		"the other frames cannot be told": {func(_ *testing.T, _ *pagesRig, f *frame) {
			f.sessions.bus = mute{}
		}, protocol.CodeVaultTimeout, true, 0},
		"another frame keeps the lock": {func(t *testing.T, rig *pagesRig, _ *frame) {
			unlock, err := rig.locks.Lock(t.Context(), writeLock("main"), Exclusive)
			require.NoError(t, err)
			t.Cleanup(unlock)
		}, protocol.CodeVaultTimeout, false, 30 * time.Second},
		"no ticket can be made": {func(_ *testing.T, _ *pagesRig, f *frame) {
			f.crypto = noRandom{f.crypto}
		}, protocol.CodeVaultTimeout, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig, frame := signedInByVault(t)
				tt.prepare(t, rig, frame)
				began := time.Now()
				result := frame.everywhere(t.Context())
				require.Equal(t, tt.takes, time.Since(began))
				require.Equal(t, []string{"error", string(tt.code)}, result[:2])
				require.Equal(t, tt.gone, rig.store.record("session/main") == nil)
				if tt.gone {
					require.ElementsMatch(t, aliceRevoked, revocations(rig.origin))
				}
			})
		})
	}
	t.Run("the sign-out page cannot keep what is left to do", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		fragment := ticketOf(t, frame)
		rig.store.fail(nil, errDisk, nil)
		requireView(t, rig.window().logout(t, fragment), ViewSignedOut)
		rig.store.fail(nil, nil, nil)
		window := rig.window()
		window.proxy.crypto = noRandom{rig.crypto}
		requireView(t, window.logout(t, fragment), ViewSignedOut)
		require.Contains(t, rig.window().logout(t, fragment).URL, endURL, "it is still to be done")
	})
	t.Run("the sign-out page does not get the lock", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig, frame := signedInByVault(t)
			fragment := ticketOf(t, frame)
			unlock, err := rig.locks.Lock(t.Context(), transactionsLock, Exclusive)
			require.NoError(t, err)
			defer unlock()
			began := time.Now()
			requireView(t, rig.window().logout(t, fragment), ViewSignedOut)
			requireView(t, rig.window().SignedOut(t.Context(), "state=x", ""), ViewSignedOut)
			require.LessOrEqual(t, time.Since(began), 61*time.Second)
		})
	})
}

func TestFrontChannelLogout(t *testing.T) {
	t.Parallel()
	query := func(iss, sid string) string { return form{{"iss", iss}, {"sid", sid}}.encode() }
	for name, tt := range map[string]struct {
		query string
		ends  bool
	}{
		"issuer and session":     {query(authIssuer, "session-1"), true},
		"nothing":                {"", false},
		"no session":             {"iss=" + url.QueryEscape(authIssuer), false},
		"an empty session":       {query(authIssuer, ""), false},
		"no issuer":              {"sid=session-1", false},
		"an empty issuer":        {query("", "session-1"), false},
		"another issuer":         {query("https://evil.example.com", "session-1"), false},
		"another session":        {query(authIssuer, "session-2"), false},
		"the session and more":   {query(authIssuer, "session-1 "), false},
		"two sessions":           {query(authIssuer, "session-1") + "&sid=x", false},
		"two issuers":            {query(authIssuer, "session-1") + "&iss=x", false},
		"a broken escape":        {query(authIssuer, "session-1") + "&%", false},
		"what else a server has": {query(authIssuer, "session-1") + "&x=y", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, frame := signedInByVault(t)
			page := rig.window().FrontChannelLogout(t.Context(), tt.query)
			requireView(t, page, ViewSignedOut, "return", appOrigin+"/")
			if !tt.ends {
				require.Equal(t, "access-of-code-1", bearer(frame.get(t.Context())))
				require.Empty(t, revocations(rig.origin))
				return
			}
			require.Equal(t, aliceRevoked, revocations(rig.origin))
			require.Nil(t, rig.store.record("session/main"))
			requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
		})
	}
	t.Run("the session of another issuer", func(t *testing.T) {
		t.Parallel()
		rig, _ := signedInByVault(t)
		rig.reissue("https://old.example.com")
		rig.window().FrontChannelLogout(t.Context(), query(authIssuer, "session-1"))
		require.NotNil(t, rig.store.record("session/main"))
		require.Empty(t, revocations(rig.origin))
	})
	t.Run("no sid in the id_token", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.claims = jwt.MapClaims{"sid": nil}
		rig.window().signIn(t, aliceLogin)
		rig.window().FrontChannelLogout(t.Context(), query(authIssuer, ""))
		rig.window().FrontChannelLogout(t.Context(), query(authIssuer, "session-1"))
		require.NotNil(t, rig.store.record("session/main"))
	})
	t.Run("a client of the app", func(t *testing.T) {
		t.Parallel()
		rig, _ := signedInByVault(t)
		rig.store.put("session/other", rig.sealed(t, "other", rig.stored(t, "main")))
		require.Equal(t, "session-1", subjectSession(t, rig, "other"))
		rig.window().FrontChannelLogout(t.Context(), query(authIssuer, "session-1"))
		require.NotNil(t, rig.store.record("session/other"))
		require.Nil(t, rig.store.record("session/main"))
	})
	t.Run("every client of the session", func(t *testing.T) {
		t.Parallel()
		rig, _ := signedInByVault(t)
		rig.table.Clients[1].SignIn = rig.client.SignIn
		rig.store.put("session/other", rig.sealed(t, "other", rig.stored(t, "main")))
		rig.window().FrontChannelLogout(t.Context(), query(authIssuer, "session-1"))
		require.Nil(t, rig.store.record("session/other"))
		require.Nil(t, rig.store.record("session/main"))
	})
	for name, fail := range map[string]func(*memoryStore){
		"a store that cannot be read":   func(s *memoryStore) { s.fail(errDisk, nil, nil) },
		"a store that cannot forget":    func(s *memoryStore) { s.fail(nil, nil, errDisk) },
		"a session that cannot be read": func(s *memoryStore) { s.put("session/main", []byte("garbage")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, _ := signedInByVault(t)
			fail(rig.store)
			requireView(t, rig.window().FrontChannelLogout(t.Context(), query(authIssuer, "session-1")), ViewSignedOut)
			require.NotNil(t, rig.store.record("session/main"))
		})
	}
}

// reissue has the stored session's id_token be one of another issuer.
func (r *pagesRig) reissue(issuer string) {
	t := r.server.t
	current, claims := r.stored(t, "main"), jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(current.id.Expose(), claims)
	require.NoError(t, err)
	claims["iss"] = issuer
	signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(r.key)
	require.NoError(t, err)
	current.id = secretOf(signed)
	r.store.put("session/main", r.sealed(t, "main", current))
}

// subjectSession returns the sid of a client's session.
func subjectSession(t testing.TB, rig *pagesRig, client string) string {
	t.Helper()
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(rig.stored(t, client).id.Expose(), claims)
	require.NoError(t, err)
	return claims["sid"].(string)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	frame := rig.open()
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallClaims, "main"))
	require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	want := []string{"ok", "claims", `{"name":"Alice","sub":"alice"}`}
	require.Equal(t, want, frame.call(t.Context(), protocol.CallClaims, "main"))
	status := frame.call(t.Context(), protocol.CallStatus, "main")
	require.Equal(t, []string{"ok", "signedIn", "true", "renewable", "true", "expiresAt"}, status[:6])
	require.Len(t, status, 7, "and no id_token")

	rig.server.bend(func(ctx context.Context, r FetchRequest) (FetchResponse, error) {
		if r.URL != tokenURL {
			return FetchResponse{}, nil
		}
		return jsonResponse(200, `{"access_token":"renewed","id_token":"another","expires_in":3600}`), nil
	})
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallRefresh, "main"))
	require.Equal(t, "renewed", bearer(frame.get(t.Context())))
	require.Equal(t, want, frame.call(t.Context(), protocol.CallClaims, "main"), "a renewal changes nothing of who it is")

	require.Equal(t, []string{"ok", "url", ""}, frame.call(t.Context(), protocol.CallLogout, "main"))
	require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallClaims, "main"))

	frame.signInAs(t, "spa2")
	require.Equal(t, []string{"ok", "claims", ""}, frame.call(t.Context(), protocol.CallClaims, "other"), "a client of the app")
	rig.store.fail(errDisk, nil, nil)
	require.Equal(t, []string{"error", "storage_failed"}, frame.call(t.Context(), protocol.CallClaims, "main")[:2])
}

// A client that the vault signs in takes no code of the app, by whatever way.
func TestTheAppMakesNoTokenRequestForAnOwnedClient(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, rig *pagesRig, answer Answer) {
		t.Helper()
		requireRefusal(t, answer, 403, protocol.CodeInvalidRequest)
		require.Contains(t, string(answer.Body), "tokenvault.login()")
		require.Empty(t, rig.server.asked(tokenURL))
		require.Nil(t, rig.store.record("session/main"))
	}
	t.Run("by an endpoint of its own", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.client.Token.Path = "/own"
		for _, method := range []string{"POST", "GET"} {
			answer := rig.open().do(t.Context(), request{method: method, url: authIssuer + "/own", headers: formHeader, body: signInForm})
			refused(t, rig, answer)
		}
		rig.client.Token.Query = "op=token"
		refused(t, rig, rig.open().post(t.Context(), authIssuer+"/own?op=token", signInForm))
		require.Equal(t, Bypass, rig.open().post(t.Context(), authIssuer+"/own?op=page", signInForm).Action, "another page")
		require.Equal(t, Bypass, rig.open().post(t.Context(), authIssuer+"/elsewhere", signInForm).Action)
	})
	t.Run("by an endpoint that it shares", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		refused(t, rig, rig.open().post(t.Context(), tokenURL, signInForm))
		refused(t, rig, rig.open().post(t.Context(), tokenURL, "grant_type=refresh_token&client_id=spa"))
		rig.open().signInAs(t, "spa2")
		require.NotNil(t, rig.store.record("session/other"), "the other client is the app's")
	})
	t.Run("with a session to renew", func(t *testing.T) {
		t.Parallel()
		rig, frame := signedInByVault(t)
		answer := frame.post(t.Context(), tokenURL, "grant_type=refresh_token&client_id=spa")
		requireRefusal(t, answer, 403, protocol.CodeInvalidRequest)
		require.Len(t, rig.server.asked(tokenURL), 1)
	})
}
