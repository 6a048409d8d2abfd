package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// clientAt is what a sign-in of a client needs to know.
type clientAt struct{ id, authorize, token, whoami string }

func (s *site) clientAt(name string) clientAt {
	s.t.Helper()
	switch name {
	case demo.MainClient:
		return clientAt{demo.MainClientID, s.AuthURL + "/authorize", s.AuthURL + "/token", s.APIURL + "/v1/whoami"}
	case demo.PingClient:
		am := s.AuthURL + "/am/oauth2/realms/root"
		return clientAt{demo.PingClientID, am + "/authorize", am + "/access_token", s.APIURL + "/v2/whoami"}
	default:
		s.t.Fatalf("no client %q", name)
		return clientAt{}
	}
}

// signInFrom signs a client in from a page that has the vault, without a navigation:
// this process fills in the form, and the page exchanges the code.
func (s *site) signInFrom(p *tab, name string) {
	s.t.Helper()
	client := s.clientAt(name)
	code, verifier := s.authorizationCode(client)
	reply := eval[map[string]any](p, `
		await tokenvault.ready;
		const response = await fetch(`+js(client.token)+`, { method: "POST", body: new URLSearchParams(`+js(map[string]string{
		"grant_type": "authorization_code", "client_id": client.id, "code": code,
		"redirect_uri": s.AppURL + "/", "code_verifier": verifier,
	})+`) });
		return response.json()`)
	require.Equal(s.t, "REDACTED", reply["access_token"], "%v", reply)
}

// transactionField is the hidden field of the sign-in form.
var transactionField = regexp.MustCompile(`name="transaction" value="([^"]+)"`)

// authorizationCode takes one out of the authorization server as a browser would.
func (s *site) authorizationCode(client clientAt) (code, verifier string) {
	s.t.Helper()
	verifier = rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	web := loopback(s.t)
	form := bodyOf(s.t, loopbackGet(s.t, web, client.authorize+"?"+url.Values{
		"response_type": {"code"}, "client_id": {client.id}, "redirect_uri": {s.AppURL + "/"},
		"scope": {demo.Scope}, "state": {rand.Text()}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}.Encode()))
	transaction := transactionField.FindStringSubmatch(form)
	require.Len(s.t, transaction, 2, form)
	response, err := web.PostForm(s.AuthURL+"/signin", url.Values{
		"transaction": {transaction[1]}, "action": {"signin"},
		"username": {s.Account.Username}, "password": {s.Account.Password},
	})
	require.NoError(s.t, err)
	bodyOf(s.t, response)
	back, err := response.Location()
	require.NoError(s.t, err)
	return back.Query().Get("code"), verifier
}

// loopback is an HTTP client that takes every host to loopback, as browsers do
// for *.localhost, keeps cookies and follows no redirect.
func loopback(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{
		Jar: jar,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func loopbackGet(t testing.TB, web *http.Client, target string) *http.Response {
	t.Helper()
	response, err := web.Get(target)
	require.NoError(t, err)
	return response
}

func bodyOf(t testing.TB, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}

// bothSignedIn is a page in which both clients of the demonstration are.
func bothSignedIn(t *testing.T) (*site, *tab) {
	t.Helper()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	s.signInFrom(p, demo.PingClient)
	return s, p
}

// tokenOf returns the value of a client's newest token of a kind.
func (s *site) tokenOf(clientID string, kind devidp.TokenKind) string {
	s.t.Helper()
	issued := s.IDP.Issued()
	for i := len(issued) - 1; i >= 0; i-- {
		if issued[i].Kind == kind && issued[i].ClientID == clientID {
			return issued[i].Value
		}
	}
	s.t.Fatalf("no %s of %s was issued", kind, clientID)
	return ""
}

// liveOf counts the access and refresh tokens of a client that a server accepts.
func (s *site) liveOf(clientID string) (live int) {
	for _, token := range s.IDP.Issued() {
		if token.Active && token.ClientID == clientID && (token.Kind == devidp.AccessToken || token.Kind == devidp.RefreshToken) {
			live++
		}
	}
	return live
}

// seenCaller is what the API of a client says of the token that it got.
type seenCaller struct {
	Status int
	Body   struct {
		ClientID string `json:"client_id"`
		Token    string `json:"token_sha256"`
		Error    string `json:"error"`
	}
}

func (s *site) callerAt(p *tab, name string) seenCaller {
	s.t.Helper()
	return eval[seenCaller](p, `
		const response = await fetch(`+js(s.clientAt(name).whoami)+`);
		return { Status: response.status, Body: await response.json() }`)
}

func TestTwoClientsSignedInAtOnceEachCallTheirAPIWithTheirToken(t *testing.T) {
	t.Parallel()
	s, p := bothSignedIn(t)
	for _, name := range []string{demo.MainClient, demo.PingClient} {
		id := s.clientAt(name).id
		got := s.callerAt(p, name)
		assert.Equal(t, http.StatusOK, got.Status, name)
		assert.Equal(t, id, got.Body.ClientID)
		assert.Equal(t, hash(s.tokenOf(id, devidp.AccessToken)), got.Body.Token)
	}
	s.canary(p)
}

func TestTwoClientsCallAtTheSameMoment(t *testing.T) {
	t.Parallel()
	s, p := bothSignedIn(t)
	s.IDP.ExpireAccess()
	got := eval[[]string](p, `
		const urls = Array.from({ length: 20 }, (_, i) => `+js([]string{s.APIURL + "/v1/whoami", s.APIURL + "/v2/whoami"})+`[i % 2]);
		return Promise.all(urls.map(async (url) => (await (await fetch(url)).json()).client_id))`)
	for i, id := range got {
		assert.Equal(t, []string{demo.MainClientID, demo.PingClientID}[i%2], id, i)
	}
	assert.EqualValues(t, 2, s.IDP.Stats().Refreshes, "one refresh for each client")
	assert.Zero(t, s.IDP.Stats().ReuseDetected)
}

func TestLogoutOfOneClientLeavesTheOther(t *testing.T) {
	t.Parallel()
	for _, out := range []string{demo.MainClient, demo.PingClient} {
		stays := demo.MainClient
		if out == stays {
			stays = demo.PingClient
		}
		t.Run(out, func(t *testing.T) {
			s, p := bothSignedIn(t)
			heard := eval[[]string](p, `
				const heard = [];
				tokenvault.on("signedout", ({ client }) => heard.push(client));
				await tokenvault.logout(`+js(out)+`);
				return heard`)
			assert.Equal(t, []string{out}, heard)
			assert.False(t, eval[bool](p, `return tokenvault.has(`+js(out)+`)`))
			assert.True(t, eval[bool](p, `return tokenvault.has(`+js(stays)+`)`))
			assert.Zero(t, s.liveOf(s.clientAt(out).id), "its tokens are revoked")
			assert.Equal(t, 2, s.liveOf(s.clientAt(stays).id))

			refused := s.callerAt(p, out)
			assert.Equal(t, http.StatusBadRequest, refused.Status)
			assert.Equal(t, "not_signed_in", refused.Body.Error)
			assert.Equal(t, http.StatusOK, s.callerAt(p, stays).Status)
		})
	}
}

func TestClientsAreNamedByNameOrClientID(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ by, client string }{
		{demo.MainClient, demo.MainClient},
		{demo.MainClientID, demo.MainClient},
		{demo.PingClient, demo.PingClient},
		{demo.PingClientID, demo.PingClient},
	} {
		t.Run(tc.by, func(t *testing.T) {
			s, p := bothSignedIn(t)
			id := s.clientAt(tc.client).id
			before := s.tokenOf(id, devidp.AccessToken)
			eval[any](p, `await tokenvault.refresh(`+js(tc.by)+`)`)
			assert.EqualValues(t, 1, s.IDP.Stats().Refreshes)
			assert.NotEqual(t, before, s.tokenOf(id, devidp.AccessToken))
			assert.Equal(t, hash(s.tokenOf(id, devidp.AccessToken)), s.callerAt(p, tc.client).Body.Token)

			live := s.liveOf(id)
			eval[any](p, `await tokenvault.remove(`+js(tc.by)+`)`)
			assert.False(t, eval[bool](p, `return tokenvault.has(`+js(tc.by)+`)`))
			assert.Equal(t, 1, eval[int](p, `return (await tokenvault.has("main")) + (await tokenvault.has("ping"))`), "the other one stays")
			assert.Equal(t, live, s.liveOf(id), "remove says nothing to the server")
		})
	}
}

func TestUnknownClientIsAnErrorThatListsTheKnownOnes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	type failure struct{ Name, Code, Message string }
	attempt := func(call string) failure {
		t.Helper()
		return eval[failure](p, `
			await tokenvault.ready;
			return tokenvault.`+call+`.then(() => ({}), ({ name, code, message }) => ({ Name: name, Code: code, Message: message }))`)
	}
	for _, call := range []string{"has", "status", "refresh", "logout", "remove"} {
		for name, argument := range map[string]string{
			"of no configuration": `"nobody"`,
			"empty":               `""`,
			"left out":            ``,
			"a member of Object":  `"__proto__"`,
			"a part of a name":    `"mai"`,
			"in capitals":         `"MAIN"`,
		} {
			got := attempt(call + "(" + argument + ")")
			assert.Equal(t, "TokenVaultError", got.Name, "%s, %s", call, name)
			assert.Equal(t, "unknown_client", got.Code, "%s, %s", call, name)
			assert.Contains(t, got.Message, "main, ping", "%s, %s", call, name)
		}
		for _, argument := range []string{`null`, `7`, `{ name: "main" }`, `["main"]`} {
			got := attempt(call + "(" + argument + ")")
			assert.Equal(t, "invalid_argument", got.Code, "%s(%s)", call, argument)
			assert.Contains(t, got.Message, "string", "%s(%s)", call, argument)
		}
	}
}

func TestTheOnlyClientNeedsNoName(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) { c.Clients = c.Clients[:1] }
	})
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	assert.True(t, eval[bool](p, `return tokenvault.has()`))
	eval[any](p, `await tokenvault.refresh()`)
	assert.EqualValues(t, 1, s.IDP.Stats().Refreshes)
	eval[any](p, `await tokenvault.logout()`)
	assert.False(t, eval[bool](p, `return tokenvault.has()`))
	assert.Empty(t, strings.Join(s.live(), ", "))
}
