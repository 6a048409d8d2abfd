package demo_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/policy"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// binaries are compiled once for all tests.
var binaries = sync.OnceValues(func() (*wasmbuild.Output, error) {
	return wasmbuild.Build(context.Background(), wasmbuild.Options{})
})

func start(t testing.TB, options demo.Options) *demo.Demo {
	t.Helper()
	wasm, err := binaries()
	require.NoError(t, err)
	options.Wasm = wasm
	d, err := demo.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

// browser resolves every host to loopback, as browsers do for *.localhost, and
// follows no redirect.
func browser(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t testing.TB, method, target, body string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := browser(t).Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

func get(t testing.TB, target string) answer {
	t.Helper()
	return send(t, http.MethodGet, target, "", nil)
}

func TestFourOriginsAnswer(t *testing.T) {
	d := start(t, demo.Options{})
	for _, row := range []struct {
		name, url, contentType string
		status                 int
	}{
		{"the page", d.AppURL + "/", "text/html; charset=utf-8", 200},
		{"its style", d.AppURL + "/demo/demo.css", "text/css; charset=utf-8", 200},
		{"its script", d.AppURL + "/demo/demo.js", "text/javascript; charset=utf-8", 200},
		{"its icon", d.AppURL + "/demo/favicon.svg", "image/svg+xml", 200},
		{"its configuration", d.AppURL + "/demo/config.json", "application/json", 200},
		{"the page has one address", d.AppURL + "/demo/index.html", "text/plain; charset=utf-8", 404},
		{"no Go source is served", d.AppURL + "/demo/embed.go", "text/plain; charset=utf-8", 404},
		{"the client script", d.AppURL + "/tokenvault.js", "text/javascript; charset=utf-8", 200},
		{"the service worker", d.AppURL + "/interceptor.js", "text/javascript; charset=utf-8", 200},
		{"the vault's frame", d.VaultURL + "/proxy.html", "text/html; charset=utf-8", 200},
		{"the vault has no page of the app", d.VaultURL + "/tokenvault.js", "text/plain; charset=utf-8", 404},
		{"discovery", d.AuthURL + "/.well-known/openid-configuration", "application/json", 200},
		{"discovery of PingAM's layout", d.AuthURL + "/am/oauth2/realms/root/.well-known/openid-configuration", "application/json", 200},
		{"the open API", d.APIURL + "/public/json", "application/json", 200},
		{"the protected API", d.APIURL + "/v1/whoami", "application/json", 401},
		{"the second client's part of it", d.APIURL + "/v2/whoami", "application/json", 401},
		{"another part of it", d.APIURL + "/v3/whoami", "application/json", 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := get(t, row.url)
			assert.Equal(t, row.status, got.status)
			assert.Equal(t, row.contentType, got.header.Get("Content-Type"))
		})
	}
}

func TestPageRunsUnderAStrictPolicy(t *testing.T) {
	d := start(t, demo.Options{})
	page := get(t, d.AppURL+"/")
	policy := page.header.Get("Content-Security-Policy")
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'",
		"connect-src 'self' " + d.AuthURL + " " + d.APIURL, "frame-src " + d.VaultURL,
		"base-uri 'none'", "frame-ancestors 'none'",
	} {
		assert.Contains(t, strings.Split(policy, "; "), directive)
	}
	assert.NotContains(t, policy, "unsafe")
	for _, inline := range []string{"<style", " style=", " onclick=", "<script>"} {
		assert.NotContains(t, page.body, inline)
	}
	assert.NotContains(t, get(t, d.AppURL+"/demo/demo.css").header.Get("Content-Security-Policy"), "unsafe")
	assert.Contains(t, get(t, d.AppURL+"/interceptor.js").header.Get("Content-Security-Policy"), "'wasm-unsafe-eval'")
	assert.Contains(t, get(t, d.VaultURL+"/proxy.html").header.Get("Content-Security-Policy"), "frame-ancestors "+d.AppURL)
}

func TestPageConfigurationNamesEveryOrigin(t *testing.T) {
	d := start(t, demo.Options{})
	var config struct {
		App, Vault, API, ClientID, RedirectURI, TokenEndpoint string
		Calls                                                 map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, d.AppURL+"/demo/config.json").body), &config))
	assert.Equal(t, d.AppURL, config.App)
	assert.Equal(t, d.VaultURL, config.Vault)
	assert.Equal(t, d.APIURL, config.API)
	assert.Equal(t, demo.MainClientID, config.ClientID)
	assert.Equal(t, d.AppURL+"/", config.RedirectURI)
	assert.Equal(t, d.AuthURL+"/token", config.TokenEndpoint)
	for name, target := range config.Calls {
		got := get(t, target)
		assert.NotEqual(t, http.StatusNotFound, got.status, name)
	}
}

func TestTakenPortNamesTheOrigin(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	free := freeAddress(t)
	for _, row := range []struct {
		name    string
		options demo.Options
	}{
		{"app", demo.Options{App: taken.Addr().String()}},
		{"vault", demo.Options{App: free, Vault: taken.Addr().String()}},
		{"auth", demo.Options{App: free, Auth: taken.Addr().String()}},
		{"api", demo.Options{App: free, API: taken.Addr().String()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := demo.Start(t.Context(), row.options)
			var portError *demo.PortError
			require.ErrorAs(t, err, &portError)
			assert.Equal(t, row.name, portError.Name)
			assert.Equal(t, taken.Addr().String(), portError.Addr)
			require.ErrorIs(t, err, syscall.EADDRINUSE)
			// What was taken before the failure is free again: the next row
			// takes the same address for the app.
			listener, err := net.Listen("tcp", free)
			require.NoError(t, err)
			require.NoError(t, listener.Close())
		})
	}
}

func TestPortThatBrowsersBlockIsNamed(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:6697", "127.0.0.1:10080"} {
		_, err := demo.Start(t.Context(), demo.Options{App: freeAddress(t), Vault: address})
		var portError *demo.PortError
		require.ErrorAs(t, err, &portError)
		assert.Equal(t, "vault", portError.Name)
		assert.Equal(t, address, portError.Addr)
		assert.Contains(t, err.Error(), "browsers never connect to this port")
	}
}

// freeAddress is an address that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestTokenEndpointsAnswerTheVaultOnly(t *testing.T) {
	readable := func(t testing.TB, d *demo.Demo, origin, path string) bool {
		t.Helper()
		got := send(t, http.MethodPost, d.AuthURL+path, "grant_type=authorization_code&code=none",
			http.Header{"Origin": {origin}, "Content-Type": {"application/x-www-form-urlencoded"}})
		return got.header.Get("Access-Control-Allow-Origin") == origin
	}
	endpoints := []string{
		"/token", "/revoke", "/userinfo",
		"/am/oauth2/realms/root/access_token", "/am/oauth2/realms/root/token/revoke", "/am/oauth2/realms/root/userinfo",
	}
	strict, open := start(t, demo.Options{}), start(t, demo.Options{InsecureAppCORS: true})
	for _, path := range endpoints {
		t.Run(path, func(t *testing.T) {
			assert.True(t, readable(t, strict, strict.VaultURL, path), "the vault reads the answer")
			assert.False(t, readable(t, strict, strict.AppURL, path), "the app does not")
			assert.True(t, readable(t, open, open.AppURL, path), "positive control: without the wall it does")
		})
	}
	discovery := send(t, http.MethodGet, strict.AuthURL+"/.well-known/openid-configuration", "", http.Header{"Origin": {strict.AppURL}})
	assert.Equal(t, strict.AppURL, discovery.header.Get("Access-Control-Allow-Origin"), "an SDK in the app reads the metadata")
}

func TestVaultSignInHasItsClientAndPages(t *testing.T) {
	const discovery = "/.well-known/openid-configuration"
	plain, own := start(t, demo.Options{}), start(t, demo.Options{
		VaultSignIn: true,
		Configure: func(c *demo.Configuration) {
			// In place of an endpoint that takes requests, one that answers the app too.
			c.Clients[2].PAR, c.Clients[2].Endpoints.PushedAuthorization = true, c.Clients[2].Issuer+discovery
			c.Pages = &demo.Pages{Language: "de"}
		},
	})
	for _, page := range static.Pages(policyOf(t, own)) {
		assert.Equal(t, http.StatusOK, get(t, own.VaultURL+"/"+page).status, page)
		assert.Equal(t, http.StatusNotFound, get(t, plain.VaultURL+"/"+page).status, page)
	}
	assert.Contains(t, get(t, own.VaultURL+"/callback.html").header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	assert.Contains(t, get(t, own.VaultURL+"/frontchannel-logout.html").header.Get("Content-Security-Policy"), "frame-ancestors "+own.AuthURL+";")
	assert.Equal(t, http.StatusForbidden, send(t, http.MethodGet, own.VaultURL+"/callback.html", "", http.Header{"Sec-Fetch-Dest": {"iframe"}}).status)
	assert.Equal(t, http.StatusUnauthorized, get(t, own.APIURL+"/v3/whoami").status, "its part of the API")
	assert.Equal(t, http.StatusUnauthorized, get(t, own.APIURL+"/v2/whoami").status)

	ask := func(redirect string) int {
		return get(t, own.AuthURL+"/authorize?"+url.Values{
			"response_type": {"code"}, "client_id": {demo.VaultedClientID}, "redirect_uri": {redirect}, "scope": {demo.Scope},
			"state": {"a-state-of-some-length"}, "code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
		}.Encode()).status
	}
	assert.Equal(t, http.StatusOK, ask(own.VaultURL+"/callback.html"))
	assert.Equal(t, http.StatusBadRequest, ask(own.AppURL+"/"), "no URL of the app is registered for it")

	readable := func(d *demo.Demo, origin string) bool {
		got := send(t, http.MethodGet, d.AuthURL+discovery, "", http.Header{"Origin": {origin}})
		return got.header.Get("Access-Control-Allow-Origin") == origin
	}
	assert.False(t, readable(own, own.AppURL), "the app pushes no authorization requests")
	assert.True(t, readable(own, own.VaultURL), "the vault does")
	assert.True(t, readable(plain, plain.AppURL), "positive control: without such an endpoint it may ask there")
}

// policyOf is what a demonstration has deployed.
func policyOf(t testing.TB, d *demo.Demo) *policy.Table {
	t.Helper()
	table, err := policy.Decode(d.Build.Table)
	require.NoError(t, err)
	return table
}

func TestIssuedFindsATokenByItsHash(t *testing.T) {
	d := start(t, demo.Options{})
	code := signIn(t, d)
	sum := sha256.Sum256([]byte(code))
	other := sha256.Sum256([]byte("not issued"))
	question, err := json.Marshal(map[string][]string{
		"hashes": {hex.EncodeToString(sum[:]), hex.EncodeToString(other[:])},
	})
	require.NoError(t, err)

	var found struct {
		Issued  int
		Matches []struct {
			Hash, Kind string
			Active     bool
		}
	}
	got := send(t, http.MethodPost, d.AppURL+"/demo/issued", string(question), nil)
	require.NoError(t, json.Unmarshal([]byte(got.body), &found))
	assert.Equal(t, 1, found.Issued)
	require.Len(t, found.Matches, 1)
	assert.Equal(t, "code", found.Matches[0].Kind)
	assert.True(t, found.Matches[0].Active)
	assert.Equal(t, hex.EncodeToString(sum[:]), found.Matches[0].Hash)
	assert.NotContains(t, got.body, code)

	assert.Equal(t, http.StatusMethodNotAllowed, get(t, d.AppURL+"/demo/issued").status)
	assert.Equal(t, http.StatusBadRequest, send(t, http.MethodPost, d.AppURL+"/demo/issued", "no JSON", nil).status)
}

func TestVaultStopsAndComesBack(t *testing.T) {
	d := start(t, demo.Options{})
	require.NoError(t, d.StopVault())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.VaultURL+"/proxy.html", nil)
	require.NoError(t, err)
	_, err = browser(t).Do(request) //nolint:bodyclose // there is no response
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.Equal(t, http.StatusOK, get(t, d.AppURL+"/").status)

	require.NoError(t, d.StartVault(t.Context()))
	assert.Equal(t, http.StatusOK, get(t, d.VaultURL+"/proxy.html").status)
}

func TestDeployReplacesTheBuild(t *testing.T) {
	d := start(t, demo.Options{})
	worker, build := get(t, d.AppURL+"/interceptor.js").body, d.Build.Build
	require.NoError(t, d.Deploy(t.Context(), func(c *demo.Configuration) { c.RequestTimeout = "7s" }))
	assert.NotEqual(t, build, d.Build.Build)
	after := get(t, d.AppURL+"/interceptor.js").body
	assert.NotEqual(t, worker, after)
	assert.True(t, strings.Contains(after, d.Build.Build), "the worker names its build")
}

func TestMountsStartWithThePagesPolicy(t *testing.T) {
	d := start(t, demo.Options{
		Mounts: map[string]http.Handler{
			"/e2e/kept":    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
			"/e2e/changed": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Del("Content-Security-Policy") }),
		},
	})
	kept := get(t, d.AppURL+"/e2e/kept")
	assert.Equal(t, http.StatusTeapot, kept.status)
	assert.Contains(t, kept.header.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Empty(t, get(t, d.AppURL+"/e2e/changed").header.Get("Content-Security-Policy"))
}

func TestHeadersCanBeWeakenedOnPurpose(t *testing.T) {
	d := start(t, demo.Options{
		VaultOptions: []static.Option{static.InsecureOverrideHeader("Origin-Agent-Cluster", "")},
	})
	assert.Empty(t, get(t, d.VaultURL+"/proxy.html").header.Get("Origin-Agent-Cluster"))
}

func TestCloseIsRepeatable(t *testing.T) {
	d := start(t, demo.Options{})
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
}

// A browser opens connections ahead, for requests that may never come.
func TestCloseDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	d := start(t, demo.Options{})
	for _, origin := range []string{d.AppURL, d.APIURL} {
		_, port, err := net.SplitHostPort(strings.TrimPrefix(origin, "http://"))
		require.NoError(t, err)
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
		require.NoError(t, err)
		defer conn.Close() //nolint:errcheck // the server has closed it
	}
	get(t, d.AppURL+"/") // it comes after those two, so they have been taken
	get(t, d.APIURL+"/")

	began := time.Now()
	require.NoError(t, d.Close())
	assert.Less(t, time.Since(began), 2*time.Second)
}

// signIn takes a code out of the authorization server as a browser would.
func signIn(t testing.TB, d *demo.Demo) string {
	t.Helper()
	query := url.Values{
		"response_type": {"code"}, "client_id": {demo.MainClientID}, "redirect_uri": {d.AppURL + "/"},
		"scope": {demo.Scope}, "state": {"a-state-of-some-length"}, "code_challenge_method": {"S256"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
	}
	form := get(t, d.AuthURL+"/authorize?"+query.Encode())
	require.Equal(t, http.StatusOK, form.status, form.body)
	transaction := regexp.MustCompile(`name="transaction" value="([^"]+)"`).FindStringSubmatch(form.body)
	require.Len(t, transaction, 2)
	fields := url.Values{
		"transaction": {transaction[1]}, "action": {"signin"},
		"username": {d.Account.Username}, "password": {d.Account.Password},
	}
	cookie, _, _ := strings.Cut(form.header.Get("Set-Cookie"), ";")
	done := send(t, http.MethodPost, d.AuthURL+"/signin", fields.Encode(), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {cookie},
	})
	back, err := url.Parse(done.header.Get("Location"))
	require.NoError(t, err)
	require.NotEmpty(t, back.Query().Get("code"), done.body)
	return back.Query().Get("code")
}
