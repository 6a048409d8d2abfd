package devidp

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	appOrigin   = "http://app.example.localhost:8080"
	vaultOrigin = "http://vault.example.localhost:8081"
	evilOrigin  = "http://evil.example.localhost:8080"
	callback    = appOrigin + "/callback"
	callbackTwo = appOrigin + "/callback?view=list"
	farewell    = appOrigin + "/bye"
	verifier    = "a-verifier-of-43-characters-at-the-least-0123456789"
)

// clock is the time of a rig. It stands still unless told otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a server on two loopback ports and a browser of sorts.
type rig struct {
	*Server
	clock     *clock
	auth, api string
	browser   *http.Client // keeps cookies, follows no redirect
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	authServer, apiServer := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	c := &clock{now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	options := Options{
		Issuer:       "http://" + authServer.Listener.Addr().String(),
		APIOrigin:    "http://" + apiServer.Listener.Addr().String(),
		AllowOrigins: []string{appOrigin, vaultOrigin},
		Clients: []Client{
			{ID: "spa", RedirectURIs: []string{callback, callbackTwo}, PostLogoutRedirectURIs: []string{farewell}},
			{ID: "other", RedirectURIs: []string{callback}},
		},
		Now: c.Now,
	}
	for _, f := range change {
		f(&options)
	}
	s, err := New(options)
	require.NoError(t, err)
	authServer.Config.Handler, apiServer.Config.Handler = s.Auth(), s.API()
	authServer.Start()
	apiServer.Start()
	t.Cleanup(authServer.Close)
	t.Cleanup(apiServer.Close)
	return &rig{Server: s, clock: c, auth: authServer.URL, api: apiServer.URL, browser: newBrowser(t)}
}

func newBrowser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &out), "body: %s", a.body)
	return out
}

// location is the query of the redirect.
func (a answer) location(t testing.TB) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	require.NoError(t, err)
	return u.Query()
}

type header map[string]string

func (rg *rig) do(t testing.TB, client *http.Client, method, target string, body io.Reader, h header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, body)
	require.NoError(t, err)
	for name, value := range h {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	return read(t, response)
}

func read(t testing.TB, response *http.Response) answer {
	t.Helper()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{response.StatusCode, response.Header, string(data)}
}

func (rg *rig) get(t testing.TB, target string, h header) answer {
	t.Helper()
	return rg.do(t, rg.browser, http.MethodGet, target, nil, h)
}

func (rg *rig) post(t testing.TB, target string, form url.Values, h header) answer {
	t.Helper()
	all := header{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range h {
		all[name] = value
	}
	return rg.do(t, rg.browser, http.MethodPost, target, strings.NewReader(form.Encode()), all)
}

// call asks the API with a token.
func (rg *rig) call(t testing.TB, path, token string) answer {
	t.Helper()
	return rg.get(t, rg.api+path, header{"Authorization": "Bearer " + token})
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// with copies base and changes it by name, value pairs; the value "-" removes one.
func with(base url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, v := range base {
		out[name] = append([]string(nil), v...)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			out.Del(pairs[i])
		} else {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

func authorization(pairs ...string) url.Values {
	return with(url.Values{
		"client_id": {"spa"}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid profile email offline_access"}, "state": {"s t&a=t/e"}, "nonce": {"n-1"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}, pairs...)
}

func (rg *rig) authorizeAt(t testing.TB, endpoint string, q url.Values) answer {
	t.Helper()
	return rg.get(t, endpoint+"?"+q.Encode(), nil)
}

var transactionField = regexp.MustCompile(`name="transaction" value="([^"]+)"`)

// form reads the sign-in form's hidden field.
func form(t testing.TB, page answer) url.Values {
	t.Helper()
	found := transactionField.FindStringSubmatch(page.body)
	require.NotNil(t, found, "no sign-in form: %d %s", page.status, page.body)
	return url.Values{
		"transaction": {found[1]}, "username": {"alice"}, "password": {"wonderland"}, "action": {"signin"},
	}
}

// signInAt signs in and returns the code.
func (rg *rig) signInAt(t testing.TB, endpoint string, pairs ...string) string {
	t.Helper()
	a := rg.authorizeAt(t, endpoint, authorization(pairs...))
	if a.status == http.StatusOK {
		a = rg.post(t, rg.auth+signInPath, form(t, a), nil)
	}
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	code := a.location(t).Get("code")
	require.NotEmpty(t, code, a.header.Get("Location"))
	return code
}

func exchange(code string, pairs ...string) url.Values {
	return with(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"spa"}, "redirect_uri": {callback},
		"code": {code}, "code_verifier": {verifier},
	}, pairs...)
}

func refreshForm(token string, pairs ...string) url.Values {
	return with(url.Values{"grant_type": {"refresh_token"}, "client_id": {"spa"}, "refresh_token": {token}}, pairs...)
}

func decodeTokens(t testing.TB, a answer) tokenReply {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	var out tokenReply
	require.NoError(t, json.Unmarshal([]byte(a.body), &out))
	return out
}

// tokens goes the whole way.
func (rg *rig) tokens(t testing.TB, pairs ...string) tokenReply {
	t.Helper()
	return decodeTokens(t, rg.post(t, rg.auth+"/token", exchange(rg.signInAt(t, rg.auth+"/authorize", pairs...)), nil))
}

func (rg *rig) refresh(t testing.TB, token string) answer {
	t.Helper()
	return rg.post(t, rg.auth+"/token", refreshForm(token), nil)
}

// requireError checks an OAuth error.
func requireError(t testing.TB, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, code, a.json(t)["error"], a.body)
}

// waitFor waits for a logged request for as long as the test may run.
func (rg *rig) waitFor(t testing.TB, match func(Request) bool) Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := rg.WaitRequest(ctx, match)
	require.NoError(t, err)
	return r
}
