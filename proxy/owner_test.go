package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

const newServer = "https://new.example.net"

// moved is an endpoint at another server.
func moved(path string) policy.Endpoint { return policy.Endpoint{Origin: newServer, Path: path} }

// byVault has the vault sign a client in.
func byVault(c *policy.Client) {
	at := func(path string) policy.Endpoint { return policy.Endpoint{Origin: authIssuer, Path: path} }
	c.SignIn = policy.SignIn{Authorization: at("/authorize"), Keys: at("/jwks"), ReturnTo: []string{"/"}}
}

func TestASessionIsOfItsServerAndClient(t *testing.T) {
	t.Parallel()
	asIs := func(*policy.Client) {}
	nameless := func(c *policy.Client) { c.Issuer = "" }
	for name, tt := range map[string]struct {
		before, after func(*policy.Client) // the deployments
		kept          bool
	}{
		"the same deployment": {asIs, asIs, true},
		"another issuer":      {asIs, func(c *policy.Client) { c.Issuer = newServer }, false},
		"another client_id":   {asIs, func(c *policy.Client) { c.ID = "spa-2" }, false},
		"another server": {asIs, func(c *policy.Client) {
			c.Issuer = newServer
			c.Token, c.Revocation, c.UserInfo, c.EndSession = moved("/token"), moved("/revoke"), moved("/userinfo"), moved("/logout")
		}, false},
		"the vault signs in now":           {asIs, byVault, false},
		"the server's issuer is known now": {nameless, asIs, false},
		"the issuer is not known any more": {asIs, nameless, false},
		"another token endpoint, no issuer": {nameless, func(c *policy.Client) {
			c.Issuer, c.Token = "", moved("/token")
		}, false},
		"another query of the token endpoint, no issuer": {nameless, func(c *policy.Client) {
			c.Issuer, c.Token.Query = "", "tenant=2"
		}, false},
		"other endpoints beside it, no issuer": {nameless, func(c *policy.Client) {
			c.Issuer, c.Revocation.Path, c.UserInfo.Path, c.EndSession.Path = "", "/2/revoke", "/2/userinfo", "/2/logout"
		}, true},
		"the same issuer, its endpoints moved": {asIs, func(c *policy.Client) {
			c.Token.Path, c.Revocation.Path, c.UserInfo.Path, c.EndSession.Path = "/2/token", "/2/revoke", "/2/userinfo", "/2/logout"
		}, true},
		"the same client, other settings": {asIs, func(c *policy.Client) {
			c.Scope, c.RefreshBeforeMS = "openid items", 60_000
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			deploy := func(change func(*policy.Client)) {
				origin.table = testTable()
				change(&origin.table.Clients[0])
			}
			deploy(tt.before)
			origin.open().signIn(t)
			record, asked := origin.store.record("session/main"), len(origin.server.requests)

			deploy(tt.after)
			frame := origin.open()
			client := &origin.table.Clients[0]
			frame.Warm(t.Context())
			if tt.kept {
				require.Equal(t, accessToken(1), bearer(frame.get(t.Context())))
				return
			}
			require.Equal(t, []string{"ok", "signedIn", "false"}, frame.call(t.Context(), protocol.CallStatus, "main"))
			require.Equal(t, []string{"ok"}, frame.call(t.Context(), protocol.CallClaims, "main"))
			require.Equal(t, []string{"error", "not_signed_in"}, frame.call(t.Context(), protocol.CallRefresh, "main")[:2])
			for _, url := range []string{apiURL, client.UserInfo.URL()} {
				requireRefusal(t, frame.do(t.Context(), request{url: url}), 400, protocol.CodeNotSignedIn)
			}
			require.NotContains(t, frame.do(t.Context(), request{url: client.EndSession.URL()}).URL, "id_token_hint")
			for _, hint := range []string{"", "&token_type_hint=access_token"} {
				require.Equal(t, 200, frame.post(t.Context(), client.Revocation.URL(), "client_id="+client.ID+hint).Status)
			}
			if !client.OwnsSignIn() {
				requireRefusal(t, frame.post(t.Context(), client.Token.URL(), "grant_type=refresh_token&client_id="+client.ID), 400, protocol.CodeNotSignedIn)
			}
			for _, operation := range []string{protocol.CallLogout, protocol.CallRemove} {
				require.Equal(t, "ok", frame.call(t.Context(), operation, "main")[0])
			}
			require.Len(t, origin.server.requests, asked, "nobody is sent anything")
			issued, _ := frame.sessions.issuedSince(0)
			require.Empty(t, issued, "nor is it in memory")
			require.Empty(t, frame.heard())
			require.Empty(t, origin.locks.held())
			require.Equal(t, record, origin.store.record("session/main"))

			deploy(tt.before)
			require.Equal(t, accessToken(1), bearer(origin.open().get(t.Context())), "and the deployment before has it still")
		})
	}
}

// An update from a vault that did not say whose a session is asks for a sign-in, and for
// nothing else.
func TestASessionThatSaysNoOwnerIsNobodys(t *testing.T) {
	t.Parallel()
	origin, frame := signedIn(t)
	origin.store.put("session/main", origin.sealedPlain(t, "main", origin.stored(t, "main").encode()))
	requireRefusal(t, origin.open().get(t.Context()), 400, protocol.CodeNotSignedIn)
	frame.signIn(t)
	require.Equal(t, accessToken(2), bearer(origin.open().get(t.Context())))
}

// Of a client that the vault has signed in, the pages find nothing either.
func TestPagesUseNoSessionOfAnotherDeployment(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policy.Client){
		"another issuer":    func(c *policy.Client) { c.Issuer = newServer },
		"another client_id": func(c *policy.Client) { c.ID = "spa-2" },
		"the app signs in":  func(c *policy.Client) { c.SignIn = policy.SignIn{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, _ := signedInByVault(t)
			record, asked := rig.store.record("session/main"), len(rig.server.requests)
			rig.deploy(func(table *policy.Table) { change(&table.Clients[0]) })
			if name != "the app signs in" {
				require.NotContains(t, rig.window().logout(t, ticketOf(t, rig.open())).URL, "id_token_hint")
			}
			for _, issuer := range []string{authIssuer, newServer} {
				rig.window().FrontChannelLogout(t.Context(), form{{"iss", issuer}, {"sid", "session-1"}}.encode())
			}
			require.Len(t, rig.server.requests, asked)
			require.Equal(t, record, rig.store.record("session/main"))
		})
	}
	t.Run("a page of a sign-in that is over", func(t *testing.T) {
		t.Parallel()
		rig, _ := signedInByVault(t)
		rig.deploy(func(table *policy.Table) { table.Clients[0].ID = "spa-2" })
		requireView(t, rig.window().Callback(t.Context(), "state=x", aliceLogin), ViewStale)
	})
	t.Run("a sign-in takes its place", func(t *testing.T) {
		t.Parallel()
		rig, before := signedInByVault(t)
		rig.deploy(func(table *policy.Table) { table.Clients[0].ID = "spa-2" })
		require.Equal(t, Page{URL: aliceHome}, rig.window().signIn(t, aliceLogin))
		require.Equal(t, "access-of-code-2", bearer(rig.open().get(t.Context())))
		require.Empty(t, revocations(rig.origin), "the token of the one before is none of this client's")
		require.Eventually(t, func() bool { return bearer(before.get(t.Context())) == "" }, time.Second, time.Millisecond)
	})
}

// Tabs of two deployments: each has what was signed in last, or nothing, and none ends
// the session of the other.
func TestTabsOfTwoDeployments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, before := signedIn(t)
		before.get(t.Context())
		origin.deploy(func(table *policy.Table) { table.Clients[0].ID = "spa-2" })
		after := origin.open()
		after.Warm(t.Context())
		requireRefusal(t, after.get(t.Context()), 400, protocol.CodeNotSignedIn)
		require.Equal(t, accessToken(1), bearer(before.get(t.Context())), "the tab goes on")
		require.Equal(t, []string{"ok"}, before.call(t.Context(), protocol.CallRefresh, "main"), "and renews")
		synctest.Wait()
		requireRefusal(t, after.get(t.Context()), 400, protocol.CodeNotSignedIn)
		require.Equal(t, accessToken(2), bearer(before.get(t.Context())))

		after.signInAs(t, "spa-2")
		synctest.Wait()
		gone := func(frame *frame) {
			t.Helper()
			asked := len(origin.server.requests)
			requireRefusal(t, frame.get(t.Context()), 400, protocol.CodeNotSignedIn)
			for _, operation := range []string{protocol.CallRefresh, protocol.CallLogout, protocol.CallRemove} {
				frame.call(t.Context(), operation, "main")
			}
			require.Nil(t, frame.sessions.peek("main"))
			require.Len(t, origin.server.requests, asked)
		}
		gone(before)
		require.Equal(t, accessToken(3), bearer(after.get(t.Context())), "and takes nothing along")

		before.signIn(t)
		synctest.Wait()
		gone(after)
		require.Equal(t, accessToken(4), bearer(before.get(t.Context())))
		require.NotContains(t, before.heard(), "main signedout")
		require.NotContains(t, after.heard(), "main signedout")
		require.Equal(t, []string{"ok"}, before.call(t.Context(), protocol.CallLogout, "main"))
		require.Empty(t, origin.locks.held())
	})
}

// A tab whose renewal waits while another deployment signs in does not renew, and
// stores nothing over it.
func TestARenewalFindsTheSessionOfAnotherDeployment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin, before := expired(t)
		unlock, err := origin.locks.Lock(t.Context(), writeLock("main"), Exclusive)
		require.NoError(t, err)
		answered := make(chan Answer)
		go func() { answered <- before.get(t.Context()) }()
		synctest.Wait() // it waits for the lock
		origin.deploy(func(table *policy.Table) { table.Clients[0].ID = "spa-2" })
		record := origin.sealed(t, "main", &session{generation: 1 << 50, grant: grant{access: secretOf("another-token")}})
		origin.store.put("session/main", record)
		unlock()
		requireRefusal(t, <-answered, 400, protocol.CodeNotSignedIn)
		require.Zero(t, origin.server.refreshes())
		require.Equal(t, record, origin.store.record("session/main"))
	})
}

// A frame that hears of a client which only another deployment has keeps nothing of it.
func TestSessionsOfUnknownClientsAreNobodys(t *testing.T) {
	t.Parallel()
	origin, _ := signedIn(t)
	origin.deploy(func(table *policy.Table) { table.Clients = table.Clients[1:] })
	frame := origin.open()
	current, err := frame.sessions.load(t.Context(), "main")
	require.NoError(t, err)
	require.Nil(t, current)
	issued, _ := frame.sessions.issuedSince(0)
	require.Empty(t, issued)
}
