package e2e

import (
	"maps"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// TestHostileSignInForeignAnswers leads the user's browser to the vault's callback with
// answers that are not for it, or not any more. The vault shows that it knows no such
// sign-in and asks the server for nothing. The control is the answer that is for it.
func TestHostileSignInForeignAnswers(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t)
	app := s.signInHostileAtVault()
	// Meanwhile a sign-in is open, for which any answer would do where the state did not count.
	s.IDP.EndSessions()
	eval[any](app, `await tokenvault.remove("vaulted")`)
	login(app, `returnTo: "`+homePage+`#back"`)
	s.atAuthorize(app)
	p := s.open("/e2e/plain.html")
	foreign := s.attackersAnswer(s.attackersRequest(s.AuthURL+"/authorize", "state", "attackers-state"), devidp.SecondAccount())
	mine := url.Values{"code": foreign["code"], "iss": foreign["iss"]}
	with := func(state string) url.Values {
		answer := maps.Clone(mine)
		answer.Set("state", state)
		return answer
	}
	s.IDP.ClearRequests()
	for name, query := range map[string]string{
		"of a sign-in of the attacker's own": foreign.Encode(),
		"without a state":                    mine.Encode(),
		"with an empty state":                with("").Encode(),
		"with two states":                    foreign.Encode() + "&state=x",
		"with a state that is the handle of nothing, and an error": "error=login_required&state=x",
		"with nothing": "x",
	} {
		p.visit(s.callbackURL() + "?" + query)
		vaultShows(p, "stale")
		assert.Equal(t, s.callbackURL(), eval[string](p, `return location.href`), name)
		assert.Zero(t, s.tokenRequests(), "an answer %s", name)
	}

	// An answer that was for the vault, once more, in the window of it and in others.
	s.fillSignIn(app)
	returned(app)
	require.Equal(t, 1, s.tokenRequests(), "control: the vault redeems an answer that is for it")
	var used url.Values
	app.mu.Lock()
	for _, visited := range app.urls {
		if at, err := url.Parse(visited); err == nil && at.Path == "/callback.html" && at.Query().Has("code") {
			used = at.Query()
		}
	}
	app.mu.Unlock()
	require.NotEmpty(t, used.Get("code"))
	p.visit(s.callbackURL() + "?" + used.Encode())
	vaultShows(p, "stale")
	replaced := maps.Clone(used)
	replaced.Set("code", foreign.Get("code"))
	p.visit(s.callbackURL() + "?" + replaced.Encode())
	vaultShows(p, "stale")
	app.visit(s.callbackURL() + "?" + used.Encode()) // whose window knows where it wanted to go
	returned(app)
	assert.Equal(t, 1, s.tokenRequests(), "an answer is good once")
	assert.Zero(t, s.IDP.Stats().CodeReplays, "the server sees no code twice")
	assert.Equal(t, "Alice Liddell", holder(app))
}

// TestHostileSignInAttackersCode leads the user's browser to the callback with a code
// for the attacker's account. The state of the user's transaction, which the attacker
// cannot know, is not enough: the verifier is not of that code. In the control the
// attacker knows the whole authorization request of the user, which the app never
// sees, and has the server bind the code to it: then the sign-in is the attacker's. But
// who is signed in is asked first, and stays who they were.
func TestHostileSignInAttackersCode(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t)
	attacker := devidp.SecondAccount()
	p := s.open(homePage)
	begun := func() url.Values {
		s.IDP.EndSessions()
		p.visit(s.AppURL + homePage)
		login(p, `returnTo: "`+homePage+`#back"`)
		return s.atAuthorize(p)
	}

	// By the state of a transaction of another window.
	request := begun()
	answer := s.attackersAnswer(s.attackersRequest(s.AuthURL+"/authorize", "nonce", request.Get("nonce")), attacker)
	answer.Set("state", request.Get("state"))
	other := s.deliver(answer)
	vaultShows(other, "server", "code", "invalid_grant")
	assert.Zero(t, s.IDP.Stats().Exchanges)
	s.fillSignIn(p)
	vaultShows(p, "stale") // the transaction was used up: the user signs in once more
	p.visit(s.AppURL + homePage)
	assert.Empty(t, holder(p), "nobody is signed in")

	// By the whole request.
	answer = s.attackersAnswer(s.AuthURL+"/authorize?"+begun().Encode(), attacker)
	other = s.deliver(answer)
	returned(other)
	assert.Equal(t, attacker.Name, holder(other), "control: who knows the whole request signs the user in as the attacker")

	// By the whole request, where somebody is signed in.
	eval[any](other, `await tokenvault.remove("vaulted")`)
	begun()
	s.fillSignIn(p)
	returned(p)
	require.Equal(t, "Alice Liddell", holder(p))
	live := s.live()
	s.IDP.EndSessions()
	login(p, `returnTo: "`+homePage+`#back", prompt: "login"`)
	answer = s.attackersAnswer(s.AuthURL+"/authorize?"+s.atAuthorize(p).Encode(), attacker)
	other = s.deliver(answer)
	vaultShows(other, "account-change")
	assert.Equal(t, []string{"alice", "user-alice", "hatter", "user-hatter"}, accounts(other))
	p.visit(s.AppURL + homePage)
	assert.Equal(t, "Alice Liddell", holder(p), "who is signed in stays so until they answer")
	inGesture(other, `[...document.querySelectorAll('#actions button')].find((each) => each.textContent === text('keep')).click()`)
	returned(other)
	assert.Equal(t, "Alice Liddell", holder(other))
	assert.Equal(t, live, s.live(), "the attacker's tokens are revoked")
}

// TestHostileSignInMixUp answers a sign-in in the name of another issuer, or of none
// (RFC 9207), and with a code of another issuer, which the same vault knows as well.
// Without iss, the control shows, the code of one goes to the token endpoint of the
// other; the vault is not to send it anywhere.
func TestHostileSignInMixUp(t *testing.T) {
	t.Parallel()
	const other = "/am/oauth2/realms/root"
	twoIssuers := func(requireIss bool) func(*demo.Options) {
		return func(o *demo.Options) {
			o.Configure = func(c *demo.Configuration) {
				mine := &c.Clients[2]
				mine.RequireIss = requireIss
				theirs, endpoints := *mine, *mine.Endpoints
				theirs.Name, theirs.Issuer, theirs.Endpoints = "other", mine.Issuer+other, &endpoints
				theirs.Resources = []demo.Resource{{URL: theirs.Resources[0].URL + "/never"}}
				theirs.Resources[0].URL = c.Clients[0].Resources[0].URL[:len(c.Clients[0].Resources[0].URL)-len("v1/*")] + "v4/*"
				endpoints.Authorization = theirs.Issuer + "/authorize"
				endpoints.Token = theirs.Issuer + "/access_token"
				endpoints.JWKS = theirs.Issuer + "/connect/jwk_uri"
				endpoints.Revocation, endpoints.UserInfo, endpoints.EndSession = "", "", ""
				c.Clients = append(c.Clients, theirs)
			}
		}
	}
	begun := func(s *site, p *tab, client string) string {
		p.visit(s.AppURL + homePage)
		eval[any](p, `await tokenvault.ready`)
		leave(p, `tokenvault.login({ client: `+js(client)+`, returnTo: "`+homePage+`#back" })`)
		return s.atAuthorize(p).Get("state")
	}
	for _, tc := range []struct {
		name       string
		requireIss bool
	}{
		{"with iss", true},
		{"control: without iss", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileVaultedSite(t, twoIssuers(tc.requireIss))
			p := s.open(homePage)
			for _, row := range []struct{ name, victim, authorize string }{
				{"a code of the other issuer", "vaulted", s.AuthURL + other + "/authorize"},
				{"the other way round", "other", s.AuthURL + "/authorize"},
			} {
				for _, named := range []bool{true, false} {
					state := begun(s, p, row.victim)
					answer := s.attackersAnswer(s.attackersRequest(row.authorize), s.Account)
					answer.Set("state", state)
					s.IDP.ClearRequests()
					if !named {
						answer.Del("iss")
					}
					p.visit(s.callbackURL() + "?" + answer.Encode())
					if !named && !tc.requireIss {
						vaultShows(p, "server", "code", "invalid_grant")
						assert.Equal(t, 1, s.tokenRequests(), "control: %s goes to the server of the sign-in", row.name)
						continue
					}
					vaultShows(p, "untrusted", "reason", "iss")
					assert.Zero(t, s.tokenRequests(), row.name)
				}
			}
			for _, kind := range []devidp.FaultKind{devidp.FaultWrongIssuer, devidp.FaultNoIssuer} {
				s.IDP.EndSessions()
				begun(s, p, "vaulted")
				s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointResponse, Kind: kind})
				s.IDP.ClearRequests()
				s.fillSignIn(p)
				if kind == devidp.FaultNoIssuer && !tc.requireIss {
					returned(p)
					assert.NotEmpty(t, holder(p), "control: the answer is good but for iss")
				} else {
					vaultShows(p, "untrusted", "reason", "iss")
					assert.Zero(t, s.tokenRequests())
				}
				s.IDP.SetFaults()
			}
		})
	}
}

// TestHostileSignInIDTokens has the server answer the code with tokens whose id_token
// is not what it has to be. The vault keeps nothing of it and revokes the tokens. The
// control is the answer without a fault.
func TestHostileSignInIDTokens(t *testing.T) {
	t.Parallel()
	s := newHostileVaultedSite(t)
	p := s.signInHostileAtVault()
	eval[any](p, `await tokenvault.logout("vaulted")`)
	p.visit(s.AppURL + homePage)
	for name, kind := range map[string]devidp.FaultKind{
		"missing":                      devidp.FaultIDOmit,
		"another nonce":                devidp.FaultIDNonce,
		"no nonce":                     devidp.FaultIDNoNonce,
		"another audience":             devidp.FaultIDAudience,
		"another authorized party":     devidp.FaultIDParty,
		"expired":                      devidp.FaultIDExpired,
		"hash of another access token": devidp.FaultIDAccessHash,
		"signed in too long ago":       devidp.FaultIDAuthTime,
		"signature of another":         devidp.FaultIDSignature,
		"unsigned":                     devidp.FaultIDUnsigned,
		"signed with the public key":   devidp.FaultIDSymmetric,
		"unknown key":                  devidp.FaultIDKey,
		"another issuer":               devidp.FaultWrongIssuer,
	} {
		s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointCode, Kind: kind})
		exchanges := s.IDP.Stats().Exchanges
		login(p, `returnTo: "`+homePage+`#back", maxAge: 3600`)
		vaultShows(p, "untrusted", "reason", "id_token")
		assert.Equal(t, exchanges+1, s.IDP.Stats().Exchanges, "control: the server gave tokens, %s", name)
		assert.Empty(t, s.live(), "the tokens are revoked, %s", name)
		p.visit(s.AppURL + homePage)
		assert.Empty(t, holder(p), name)
	}
	s.IDP.SetFaults()
	login(p, `returnTo: "`+homePage+`#back", maxAge: 3600`)
	returned(p)
	assert.Equal(t, "Alice Liddell", holder(p), "control: without a fault")
	assert.NotEmpty(t, s.live())
	s.canary(p)
}
