package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// signOut is one way of an app to sign out.
type signOut struct {
	name     string
	open     func(*site) *tab
	script   string
	clientID string
	revoke   string // the path of the revocation endpoint
	end      string // of the end-session endpoint, if this way calls it
	// accessFirst is an SDK that revokes each kind by itself, in this order.
	accessFirst bool
}

var signOuts = []signOut{
	{"tokenvault.logout", (*site).signInWithOIDC, `await tokenvault.logout("main")`, demo.MainClientID, "/revoke", "/logout", false},
	{"oidc-client-ts", (*site).signInWithOIDC, `await manager.revokeTokens()`, demo.MainClientID, "/revoke", "", true},
	{"Ping SDK", (*site).signInWithPing, `await FRUser.logout()`, demo.PingClientID, "/am/oauth2/realms/root/token/revoke", "/am/oauth2/realms/root/connect/endSession", false},
}

func TestLogoutRevokesTheRefreshTokenThenTheAccessToken(t *testing.T) {
	t.Parallel()
	for _, tc := range signOuts {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := tc.open(s)
			access, refresh, id := s.token(devidp.AccessToken), s.token(devidp.RefreshToken), s.token(devidp.IDToken)
			s.IDP.ClearRequests()

			eval[any](p, tc.script)

			var bodies []string
			ended := false
			for _, request := range s.IDP.Requests() {
				if request.Path == tc.revoke && request.Method == "POST" {
					bodies = append(bodies, request.BodySHA256)
				}
				if request.Path == tc.end && queryHas(request, "id_token_hint", id) {
					ended = true
				}
			}
			form := func(token, hint string) string {
				return hash("token=" + token + "&token_type_hint=" + hint + "&client_id=" + tc.clientID)
			}
			want := []string{form(refresh, "refresh_token"), form(access, "access_token")}
			if tc.accessFirst {
				slices.Reverse(want)
			}
			assert.Equal(t, want, bodies)
			assert.Equal(t, tc.end != "", ended, "the session was ended with the id_token as hint")
			assert.Empty(t, s.live())
			assert.Zero(t, s.IDP.Stats().RevokedUnknown)
			assertSignedOut(s, p, tc.clientID)
			s.canary(p)
		})
	}
}

func TestLogoutForgetsTheTokensAlsoWhenTheServerFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []devidp.Fault{
		{Kind: devidp.FaultStatus, Status: 500},
		{Kind: devidp.FaultDrop},
	} {
		name := "error of the server"
		if fault.Kind == devidp.FaultDrop {
			name = "no connection"
		}
		for _, tc := range signOuts {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				s := newSite(t)
				p := tc.open(s)
				revocation, end := fault, fault
				revocation.Endpoint, end.Endpoint = devidp.EndpointRevocation, devidp.EndpointEndSession
				s.IDP.SetFaults(revocation, end)

				eval[any](p, `try { `+tc.script+` } catch (error) { console.log("the SDK says", error.message) }`)

				assert.Len(t, s.live(), 2, "the server revoked nothing")
				assertSignedOut(s, p, tc.clientID)
				s.canary(p)
			})
		}
	}
}

// assertSignedOut checks that the vault has no tokens and sends no request.
func assertSignedOut(s *site, p *tab, clientID string) {
	s.t.Helper()
	api := "/v1/whoami"
	if clientID == demo.PingClientID {
		api = "/v2/whoami"
	}
	s.IDP.ClearRequests()
	got := eval[reply](p, `return `+asking(s.APIURL+api, `{}`))
	assert.Equal(s.t, 400, got.Status)
	assert.Equal(s.t, "not_signed_in", got.Error)
	assert.Empty(s.t, s.calls())
	assert.False(s.t, eval[bool](p, `return (await import("/tokenvault.mjs")).connect().has(`+js(clientID)+`)`))
}

func TestRemoveForgetsTheTokensAndTellsNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	record(p)
	s.IDP.ClearRequests()
	eval[any](p, `await tokenvault.remove("main")`)
	assert.Empty(t, s.IDP.Requests())
	assert.Len(t, s.live(), 2)
	p.until(`window.events.join() === "signedout main"`)
	s.mustRefuse(p, 400, "not_signed_in")
	s.canary(p)
}
