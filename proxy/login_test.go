package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// What follows is an origin whose first client is signed in by the vault, and the
// authorization server of it. The second client is the app's, at the same server.

const (
	authIssuer   = "https://auth.example.com"
	authorizeURL = "https://auth.example.com/authorize"
	pushURL      = "https://auth.example.com/par"
	keysURL      = "https://auth.example.com/jwks"
	vaultOrigin  = "https://vault.example.com"
	callbackURL  = vaultOrigin + "/callback.html"

	aliceLogin = "client=main&return_to=https%3A%2F%2Fapp.example.com%2Faccount%2F1%3Fa%3Db%23c"
	aliceHome  = appOrigin + "/account/1?a=b#c"
	popupLogin = "client=main&handle=popup-1"
)

// pagesRig is that origin.
type pagesRig struct {
	*origin
	client *policy.Client

	mu        sync.Mutex
	key       *ecdsa.PrivateKey
	kid       string
	keys      func() FetchResponse // answers in place of the key set
	claims    jwt.MapClaims        // beside the good ones, or in their place; nil takes one away
	header    map[string]any       // the same for the id_token's header
	reply     func(good map[string]any) FetchResponse
	codes     map[string]form // authorization requests by the code that answers them
	given     int             // codes
	published []string
}

func newRig(t testing.TB) *pagesRig {
	t.Helper()
	o := newOrigin(t)
	at := func(path string) policy.Endpoint { return policy.Endpoint{Origin: authIssuer, Path: path} }
	client := &o.table.Clients[0]
	client.SignIn = policy.SignIn{
		Authorization: at("/authorize"), Keys: at("/jwks"),
		ReturnTo: []string{"/", "/account/*"}, Claims: []string{"sub", "name"}, Parameters: []string{"ui_locales"},
	}
	client.Redact = append(client.Redact, "id_token")
	r := &pagesRig{origin: o, client: client, codes: map[string]form{}, kid: "key-1"}
	r.key = r.newKey(t)
	o.server.bend(r.serve)
	return r
}

func (r *pagesRig) newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// serve answers as the authorization server.
func (r *pagesRig) serve(_ context.Context, request FetchRequest) (FetchResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch request.URL {
	case keysURL:
		if r.keys != nil {
			return r.keys(), nil
		}
		x, y := nativeKey{r.key}.Public()
		return jsonResponse(200, fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":%q,"x":%q,"y":%q}]}`, r.kid, x, y)), nil
	case pushURL:
		asked, err := parseForm(string(request.Body))
		r.codes["pushed"] = asked
		return jsonResponse(201, `{"request_uri":"urn:example:pushed","expires_in":60}`), err
	case tokenURL:
		asked, err := parseForm(string(request.Body))
		if redirect, _ := asked.get("redirect_uri"); err != nil || redirect != callbackURL {
			return FetchResponse{}, err // the app's
		}
		return r.token(asked), nil
	default:
		return FetchResponse{}, nil
	}
}

func (r *pagesRig) token(asked form) FetchResponse {
	value := func(f form, name string) string {
		text, _ := f.get(name)
		return text
	}
	code := value(asked, "code")
	began, ok := r.codes[code]
	delete(r.codes, code)
	hash := sha256.Sum256([]byte(value(asked, "code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(hash[:]) != value(began, "code_challenge") ||
		value(asked, "redirect_uri") != value(began, "redirect_uri") || value(asked, "client_id") != value(began, "client_id") {
		return jsonResponse(400, `{"error":"invalid_grant"}`)
	}
	access := "access-of-" + code
	hash = sha256.Sum256([]byte(access))
	claims := jwt.MapClaims{
		"iss": authIssuer, "sub": "alice", "aud": value(began, "client_id"), "nonce": value(began, "nonce"), "sid": "session-1",
		"iat": r.clock().Unix(), "exp": r.clock().Unix() + 300, "auth_time": r.clock().Unix(), "acr": "gold",
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "name": "Alice", "phone_number": "+31 6 1234",
	}
	maps.Copy(claims, r.claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	made := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	made.Header["kid"] = r.kid
	maps.Copy(made.Header, r.header)
	signed, err := made.SignedString(r.key)
	require.NoError(r.server.t, err)
	good := map[string]any{
		"access_token": access, "refresh_token": "refresh-of-" + code, "id_token": signed, "token_type": "Bearer", "expires_in": 3600,
	}
	if r.reply != nil {
		return r.reply(good)
	}
	body, err := json.Marshal(good)
	require.NoError(r.server.t, err)
	return jsonResponse(200, string(body))
}

// set changes the server between two requests.
func (r *pagesRig) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// tap is the bus of a page, whose messages the test sees.
type tap struct {
	bus
	rig *pagesRig
}

func (b tap) Publish(message string) error {
	b.rig.set(func() { b.rig.published = append(b.rig.published, message) })
	return b.bus.Publish(message)
}

// outcomes are the messages to openers.
func (r *pagesRig) outcomes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, message := range r.published {
		if strings.HasPrefix(message, "main\nlogin\n") {
			list = append(list, strings.ReplaceAll(strings.TrimPrefix(message, "main\nlogin\n"), "\n", " "))
		}
	}
	return list
}

// window is a page of the vault, and what its window remembers.
type window struct {
	*Pages
	rig     *pagesRig
	request string
}

func (r *pagesRig) window() *window {
	w := &window{rig: r}
	w.Pages = NewPages(r.table, Browser{
		Store: r.store, Sealer: xorSealer{}, Locker: r.locks, Fetcher: r.server,
		Bus: tap{bus{&frame{origin: r.origin}}, r}, Clock: r.clock, Crypto: r.crypto,
	})
	return w
}

// returnTarget is the fragment's return_to as page.js takes it apart.
func returnTarget(fragment string) Target {
	fields, _ := url.ParseQuery(fragment)
	base, _ := url.Parse(appOrigin + "/")
	wanted, err := base.Parse(fields.Get("return_to"))
	if err != nil {
		return Target{}
	}
	return Target{Href: wanted.String(), Origin: wanted.Scheme + "://" + wanted.Host, Path: wanted.EscapedPath()}
}

// login opens the login page.
func (w *window) login(t testing.TB, fragment string) Page {
	t.Helper()
	page := w.Login(t.Context(), fragment, returnTarget(fragment))
	if request := detail(page, "request"); request != "" {
		w.request = request
	}
	return page
}

// authorize lets the user say yes at the server, and returns the query of its answer.
func (w *window) authorize(t testing.TB, page Page) form {
	t.Helper()
	require.Empty(t, page.View, "%v", page)
	endpoint, query, _ := strings.Cut(page.URL, "?")
	require.Equal(t, authorizeURL, endpoint)
	asked, err := parseForm(query)
	require.NoError(t, err)
	state, _ := asked.get("state")
	w.rig.mu.Lock()
	defer w.rig.mu.Unlock()
	w.rig.given++
	code := fmt.Sprintf("code-%d", w.rig.given)
	w.rig.codes[code] = asked
	return form{{"code", code}, {"state", state}, {"iss", authIssuer}}
}

// callback opens the callback page.
func (w *window) callback(t testing.TB, answer form) Page {
	t.Helper()
	return w.Callback(t.Context(), answer.encode(), w.request)
}

// signIn is a whole sign-in.
func (w *window) signIn(t testing.TB, fragment string) Page {
	t.Helper()
	return w.callback(t, w.authorize(t, w.login(t, fragment)))
}

// detail returns one of a page's details.
func detail(page Page, name string) string {
	for i := 0; i+1 < len(page.Details); i += 2 {
		if page.Details[i] == name {
			return page.Details[i+1]
		}
	}
	return ""
}

// requireView checks what a page shows, and that it leads out of the vault only to the
// app and with a new sign-in only to the login page.
func requireView(t testing.TB, page Page, view View, details ...string) {
	t.Helper()
	require.Equal(t, view, page.View, "%v", page)
	require.Empty(t, page.URL)
	for i := 0; i+1 < len(details); i += 2 {
		require.Equal(t, details[i+1], detail(page, details[i]), "%v", page)
	}
	if home := detail(page, "return"); home != "" {
		require.True(t, strings.HasPrefix(home, appOrigin+"/"), home)
	}
	if retry := detail(page, "retry"); retry != "" {
		require.True(t, strings.HasPrefix(retry, "/login.html#client=main&"), retry)
	}
}

// transactions are those that are open.
func (r *pagesRig) transactions(t testing.TB) []transaction {
	t.Helper()
	plain, err := r.sessions().get(t.Context(), transactionsName)
	require.NoError(t, err)
	open, _ := openAmong(decodeTransactions(plain), r.clock())
	return open
}

func TestLoginMakesTheAuthorizationRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fragment string
		change         func(*policy.Client)
		want           form // beside the secrets
	}{
		{"plain", "client=main", nil, nil},
		{"by client_id", "client=spa", nil, nil},
		{"two prompts", "client=main&prompt=login+consent", nil, form{{"prompt", "login consent"}}},
		{"what login() may say", "client=main&login_hint=alice%40example.com&acr_values=gold+silver&max_age=60&prompt=login&ui_locales=nl", nil, form{
			{"login_hint", "alice@example.com"}, {"acr_values", "gold silver"}, {"max_age", "60"}, {"prompt", "login"}, {"ui_locales", "nl"},
		}},
		{"resource indicators, each once", "client=main", func(c *policy.Client) {
			c.Resources[0].Indicator = "https://api.example.com/"
			c.Resources = append(c.Resources, c.Resources[0], policy.Rule{Indicator: "urn:files"}, policy.Rule{})
		}, form{{"resource", "https://api.example.com/"}, {"resource", "urn:files"}}},
		{"an endpoint with a query", "client=main", func(c *policy.Client) { c.SignIn.Authorization.Query = "tenant=1" }, form{{"tenant", "1"}}},
		{"no OpenID Connect", "client=main", func(c *policy.Client) { c.Scope = "openid2 items" }, form{{"scope", "openid2 items"}, {"nonce", ""}}},
		{"no scope", "client=main", func(c *policy.Client) { c.Scope = "" }, form{{"scope", ""}, {"nonce", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			if tt.change != nil {
				tt.change(rig.client)
			}
			page := rig.window().login(t, tt.fragment)
			require.Empty(t, page.View)
			address, err := url.Parse(page.URL)
			require.NoError(t, err)
			require.Equal(t, authorizeURL, address.Scheme+"://"+address.Host+address.Path)
			require.Empty(t, address.Fragment)

			open := rig.transactions(t)
			require.Len(t, open, 1)
			hash := sha256.Sum256([]byte(open[0].verifier.Expose()))
			want := url.Values{
				"response_type": {"code"}, "client_id": {"spa"}, "redirect_uri": {callbackURL}, "scope": {"openid"},
				"state": {open[0].id}, "nonce": {open[0].nonce.Expose()},
				"code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])}, "code_challenge_method": {"S256"},
			}
			for _, p := range tt.want {
				want.Del(p.name)
			}
			for _, p := range tt.want {
				if p.value != "" {
					want.Add(p.name, p.value)
				}
			}
			require.Equal(t, want, address.Query())
			require.Equal(t, purposeSignIn, open[0].purpose)
			require.Equal(t, string(ownerOf(rig.client)), open[0].owner)
			require.Equal(t, detail(page, "request"), open[0].request, "the window remembers what was asked for, and no secret")
			require.Empty(t, rig.asked(), "nobody is asked anything")
		})
	}
}

// asked lists the URLs of the requests to the server.
func (r *pagesRig) asked() (urls []string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, request := range r.server.requests {
		urls = append(urls, request.URL)
	}
	return urls
}

func TestLoginBindsTheCodeToTheKey(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.client.DPoP = true
	page := rig.window().login(t, "client=main")
	thumbprint, err := rig.window().proxy.proofThumbprint(t.Context(), rig.client)
	require.NoError(t, err)
	require.Contains(t, page.URL, "&dpop_jkt="+thumbprint)

	rig.crypto.fail(errDisk)
	requireView(t, rig.window().login(t, "client=main"), ViewNetwork) // its digest fails first
}

func TestLoginSecretsAreFresh(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	seen := map[string]bool{}
	for range 8 {
		page := rig.window().login(t, aliceLogin)
		open := rig.transactions(t)
		last := open[len(open)-1]
		for _, secret := range []string{last.id, last.nonce.Expose(), last.verifier.Expose()} {
			require.False(t, seen[secret], "a secret comes twice")
			seen[secret] = true
			raw, err := base64.RawURLEncoding.DecodeString(secret)
			require.NoError(t, err)
			require.Len(t, raw, 32)
			require.NotContains(t, strings.Join(page.Details, "\n"), secret)
		}
		require.Contains(t, page.URL, last.id)
		require.Contains(t, page.URL, last.nonce.Expose())
		require.NotContains(t, page.URL, last.verifier.Expose())
		require.NotContains(t, string(rig.store.record(transactionsName)), last.verifier.Expose(), "it is sealed")
	}
}

func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	good := "client=main&return_to=%2Faccount%2F1&handle=0b9c6a52-1d1e-4b7e-9c2b-0d1e2f3a4b5c"
	tests := []struct {
		name, fragment string
	}{
		{"nothing, of two clients", ""},
		{"an unknown client", "client=evil"},
		{"an empty client, of two", "client="},
		{"a client of the app", "client=other"},
		{"client_id", good + "&client_id=evil"},
		{"redirect_uri", good + "&redirect_uri=https%3A%2F%2Fapp.example.com%2F"},
		{"scope", good + "&scope=admin"},
		{"state", good + "&state=s"},
		{"nonce", good + "&nonce=n"},
		{"code_challenge", good + "&code_challenge=c"},
		{"code_challenge_method", good + "&code_challenge_method=plain"},
		{"response_type", good + "&response_type=token"},
		{"response_mode", good + "&response_mode=fragment"},
		{"resource", good + "&resource=https%3A%2F%2Fevil.example.com"},
		{"request", good + "&request=e30"},
		{"request_uri", good + "&request_uri=https%3A%2F%2Fevil.example.com"},
		{"dpop_jkt", good + "&dpop_jkt=x"},
		{"claims", good + "&claims=%7B%7D"},
		{"what the configuration does not list", good + "&audience=a"},
		{"another case", good + "&Login_hint=a"},
		{"no name", good + "&=a"},
		{"a doubled client", good + "&client=main"},
		{"a doubled client, escaped", good + "&%63lient=main"},
		{"a doubled handle", good + "&handle=b"},
		{"a doubled return_to", good + "&return_to=%2F"},
		{"a doubled parameter", good + "&prompt=login&prompt=login"},
		{"a line feed", good + "&login_hint=a%0Ab"},
		{"a null", good + "&login_hint=a%00b"},
		{"a delete character", good + "&login_hint=a%7Fb"},
		{"no UTF-8", good + "&login_hint=a%FFb"},
		{"the character for no UTF-8", good + "&login_hint=a%EF%BF%BDb"},
		{"a line feed in return_to", "client=main&return_to=%2F%0A"},
		{"a broken escape", good + "&login_hint=%4"},
		{"max_age that is no number", good + "&max_age=1h"},
		{"a negative max_age", good + "&max_age=-1"},
		{"an empty max_age", good + "&max_age="},
		{"a max_age of 19 digits", good + "&max_age=1000000000000000000"},
		{"an unknown prompt", good + "&prompt=silent"},
		{"a prompt and none", good + "&prompt=login+none"},
		{"none and a prompt", good + "&prompt=none+login"},
		{"none twice", good + "&prompt=none+none"},
		{"prompts with two spaces between", good + "&prompt=login++consent"},
		{"an empty prompt", good + "&prompt="},
		{"an empty handle", "client=main&handle="},
		{"a handle with a line feed", "client=main&handle=a%0Aoutcome"},
		{"a handle in upper case", "client=main&handle=A"},
		{"a long handle", "client=main&handle=" + strings.Repeat("a", maxHandle+1)},
		{"too long", good + "&login_hint=" + strings.Repeat("a", maxLogin)},
		{"too long as it is kept", good + "&login_hint=" + strings.Repeat("/", maxLogin/2)},
	}
	rig := newRig(t)
	rig.client.SignIn.Parameters = append(rig.client.SignIn.Parameters, "handle", "client") // does no harm
	require.NotEmpty(t, rig.window().login(t, good).URL)
	require.NotEmpty(t, rig.window().login(t, "client=main&handle="+strings.Repeat("a", maxHandle)).URL)
	require.NotEmpty(t, rig.window().login(t, good+"&login_hint="+strings.Repeat("a", maxLogin/2)).URL)
	before := rig.transactions(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := rig.window().login(t, tt.fragment)
			requireView(t, page, ViewRequest, "return", appOrigin+"/", "retry", "", "request", "")
			require.Equal(t, before, rig.transactions(t))
		})
	}
	require.Empty(t, rig.asked())
}

func TestLoginReturnsOnlyToTheApp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, returnTo, want string // "" when it is refused
	}{
		{"nothing", "", appOrigin + "/"},
		{"a path", "/account/1", appOrigin + "/account/1"},
		{"a relative path", "account/1", appOrigin + "/account/1"},
		{"a URL", aliceHome, aliceHome},
		{"a path that is not allowed", "/admin", ""},
		{"a path beside one that is allowed", "/account", ""},
		{"a path that looks allowed", "/accounts/1", ""},
		{"a path that servers read differently", "/account/..%2fadmin", ""},
		{"another origin", "https://evil.example.com/", ""},
		{"no scheme", "//evil.example.com/", ""},
		{"another scheme", "http://app.example.com/", ""},
		{"javascript:", "javascript:alert(1)", ""},
		{"data:", "data:text/html,x", ""},
		{"another port", "https://app.example.com:8443/", ""},
		{"the origin as a beginning", "https://app.example.com.evil/", ""},
		{"the origin as a user", "https://app.example.com@evil.example.com/", ""},
		{"the vault", vaultOrigin + "/logout.html", ""},
		{"credentials", "https://user@app.example.com/", ""},
		{"no URL", "https://[", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			window := rig.window()
			fragment := form{{"client", "main"}, {"return_to", tt.returnTo}}.encode()
			if tt.want == "" {
				requireView(t, window.login(t, fragment), ViewRequest, "return", appOrigin+"/")
				require.Empty(t, rig.transactions(t))
				return
			}
			require.Equal(t, Page{URL: tt.want}, window.signIn(t, fragment))
		})
	}
	t.Run("a URL within a URL", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		page := rig.window().Login(t.Context(), "client=main", Target{Href: "blob:https://app.example.com/x", Origin: appOrigin, Path: "/"})
		requireView(t, page, ViewRequest)
	})
}

// A popup returns nowhere, so where it wants to is forgotten and no reason to refuse.
func TestAPopupReturnsNowhere(t *testing.T) {
	t.Parallel()
	for _, returnTo := range []string{"https://evil.example.com/", "https://app.example.com.evil/", "/admin", "javascript:alert(1)"} {
		rig := newRig(t)
		window := rig.window()
		wanted := form{{"client", "main"}, {"return_to", returnTo}}
		requireView(t, window.login(t, wanted.encode()), ViewRequest) // a redirect

		page := window.login(t, append(wanted, parameter{"handle", "popup-1"}).encode())
		require.Equal(t, form{{"client", "main"}, {"return_to", ""}, {"handle", "popup-1"}}.encode(), detail(page, "request"), returnTo)
		answer := window.authorize(t, page)
		requireView(t, window.callback(t, answer.with("error", "server_error")), ViewServer, "return", appOrigin+"/")
		requireView(t, window.signIn(t, window.request), ViewClose)
		requireView(t, window.callback(t, nil), ViewClose)
		for _, message := range rig.published {
			require.NotContains(t, message, returnTo)
		}
	}
}

func TestPushedAuthorizationRequest(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) *pagesRig {
		rig := newRig(t)
		rig.client.SignIn.Pushed = policy.Endpoint{Origin: authIssuer, Path: "/par"}
		return rig
	}
	t.Run("goes by itself", func(t *testing.T) {
		t.Parallel()
		rig := begin(t)
		page := rig.window().login(t, aliceLogin+"&login_hint=alice")
		require.Equal(t, authorizeURL+"?client_id=spa&request_uri=urn%3Aexample%3Apushed", page.URL)
		open := rig.transactions(t)
		require.Len(t, open, 1)
		pushed := rig.server.asked(pushURL)
		require.Len(t, pushed, 1)
		for name, want := range map[string]string{
			"state": open[0].id, "nonce": open[0].nonce.Expose(), "client_id": "spa", "redirect_uri": callbackURL,
			"login_hint": "alice", "code_challenge_method": "S256", "response_type": "code",
		} {
			got, _ := pushed[0].get(name)
			require.Equal(t, want, got, name)
		}
		require.NotContains(t, pushed[0].encode(), open[0].verifier.Expose())
		rig.set(func() { rig.codes["c"] = rig.codes["pushed"] })
		answer := form{{"code", "c"}, {"state", open[0].id}}
		require.Equal(t, aliceHome, rig.window().callback(t, answer).URL)
	})
	for name, tt := range map[string]struct {
		reply FetchResponse
		err   error
		view  View
		code  string
	}{
		"an error":                {jsonResponse(400, `{"error":"invalid_request","error_description":"x"}`), nil, ViewServer, "invalid_request"},
		"an error of no meaning":  {jsonResponse(500, `<html>`), nil, ViewServer, "unknown"},
		"a sentence for an error": {jsonResponse(400, `{"error":"Call 0900-EVIL now"}`), nil, ViewServer, "unknown"},
		"another status":          {jsonResponse(200, `{"request_uri":"urn:x"}`), nil, ViewServer, "unknown"},
		"no request_uri":          {jsonResponse(201, `{"x":{"request_uri":"urn:x"}}`), nil, ViewServer, "unknown"},
		"no network":              {FetchResponse{}, ErrNetwork, ViewNetwork, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := begin(t)
			rig.server.bend(func(context.Context, FetchRequest) (FetchResponse, error) { return tt.reply, tt.err })
			page := rig.window().login(t, aliceLogin)
			requireView(t, page, tt.view, "code", tt.code, "return", aliceHome)
			require.NotEmpty(t, detail(page, "retry"))
			require.Empty(t, rig.transactions(t))
		})
	}
	t.Run("an error of the key", func(t *testing.T) {
		t.Parallel()
		rig := begin(t)
		rig.client.DPoP = true
		window := rig.window()
		for keys := range 2 { // the first is for the parameters, the second for the proof
			window.proxy.crypto = &noKeys{rig.crypto, keys}
			requireView(t, window.login(t, aliceLogin), ViewStorage)
		}
		window.proxy.crypto = &noKeys{rig.crypto, 2}
		require.NotEmpty(t, window.login(t, aliceLogin).URL)
	})
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			rig := begin(t)
			rig.server.bend(hang)
			began := time.Now()
			requireView(t, rig.window().login(t, aliceLogin), ViewNetwork)
			require.Equal(t, 30*time.Second, time.Since(began))
		})
	})
}

// noKeys loses the keys for proofs after they were used so often.
type noKeys struct {
	Crypto
	left int
}

func (c *noKeys) ProofKey(ctx context.Context, client string) (ProofKey, error) {
	if c.left--; c.left < 0 {
		return nil, errDisk
	}
	return c.Crypto.ProofKey(ctx, client)
}

// hang never answers.
func hang(ctx context.Context, _ FetchRequest) (FetchResponse, error) {
	<-ctx.Done()
	return FetchResponse{}, ctx.Err()
}

func TestLoginWithoutStorage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, rig *pagesRig, w *window)
		view    View
	}{
		"cannot be read":    {func(_ *testing.T, rig *pagesRig, _ *window) { rig.store.fail(errDisk, nil, nil) }, ViewStorage},
		"cannot be written": {func(_ *testing.T, rig *pagesRig, _ *window) { rig.store.fail(nil, errDisk, nil) }, ViewStorage},
		"cannot be sealed":  {func(_ *testing.T, _ *pagesRig, w *window) { w.proxy.sessions.sealer = failingSealer{} }, ViewStorage},
		"another window keeps the lock": {func(t *testing.T, rig *pagesRig, _ *window) {
			unlock, err := rig.locks.Lock(t.Context(), transactionsLock, Exclusive)
			require.NoError(t, err)
			t.Cleanup(unlock)
		}, ViewNetwork},
		"no random numbers": {func(_ *testing.T, _ *pagesRig, w *window) { w.proxy.crypto = noRandom{w.proxy.crypto} }, ViewNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig := newRig(t)
				window := rig.window()
				tt.prepare(t, rig, window)
				page := window.login(t, aliceLogin)
				requireView(t, page, tt.view, "return", aliceHome)
				require.NotEmpty(t, detail(page, "retry"))
				rig.store.fail(nil, nil, nil)
				require.Empty(t, rig.transactions(t))
			})
		})
	}
	t.Run("a record of another key is replaced", func(t *testing.T) {
		t.Parallel()
		rig := newRig(t)
		rig.store.put(transactionsName, []byte("garbage"))
		require.Equal(t, aliceHome, rig.window().signIn(t, aliceLogin).URL)
	})
}

// noRandom has no entropy.
type noRandom struct{ Crypto }

func (noRandom) Random(int) ([]byte, error) { return nil, errDisk }

// What a retry leads to is the same request once more.
func TestRetryIsTheSameRequest(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	window := rig.window()
	answer := window.authorize(t, window.login(t, aliceLogin+"&acr_values=gold&handle=popup-1"))
	page := window.callback(t, append(answer.without("code"), parameter{"error", "access_denied"}))
	requireView(t, page, ViewDenied)
	_, fragment, _ := strings.Cut(detail(page, "retry"), "#")
	assert.Equal(t, window.request, fragment)
	requireView(t, window.signIn(t, fragment), ViewClose)
	require.Equal(t, []string{"handle popup-1 outcome ok"}, rig.outcomes())
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fragment string
		want     []string
	}{
		"a popup":                {popupLogin, []string{"handle popup-1 outcome denied"}},
		"a redirect":             {aliceLogin, nil},
		"nothing":                {"", nil},
		"another client":         {"client=evil&handle=popup-1", nil},
		"a client of the app":    {"client=other&handle=popup-1", nil},
		"a handle with a line":   {"client=main&handle=a%0Aoutcome%0Aok", nil},
		"a false parameter":      {popupLogin + "&state=x", nil},
		"an escape that is none": {popupLogin + "&login_hint=%", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			rig.window().Abandon(tt.fragment, "denied")
			require.Equal(t, tt.want, rig.outcomes())
			require.Len(t, rig.published, len(tt.want))
		})
	}
	t.Run("a bus that fails", func(t *testing.T) {
		t.Parallel()
		window := newRig(t).window()
		window.proxy.sessions.bus = mute{}
		window.Abandon(popupLogin, "denied")
	})
}

// An event for an opener reaches the frames as it is, and ends no session of theirs.
func TestOpenersHearTheOutcomeAlone(t *testing.T) {
	t.Parallel()
	event, ok := parseBusMessage("main\nlogin\nhandle\npopup-1\noutcome\nok")
	require.True(t, ok)
	require.Equal(t, Event{"main", protocol.EventLogin, []string{"handle", "popup-1", "outcome", "ok"}}, event)
	require.False(t, event.ofSession())
}
