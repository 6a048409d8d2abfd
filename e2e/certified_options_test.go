package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// directClient is a client of the certified server without a browser, to show what the
// server itself insists on.
type directClient struct {
	*certified
	web    *http.Client
	key    *ecdsa.PrivateKey
	nonces map[string]string // by host
	answer *http.Response    // the last
}

// newDirectClient starts a server whose client is the test itself.
func newDirectClient(t testing.TB, change func(*certifiedOptions)) *directClient {
	t.Helper()
	server := startCertified(t, func(o *certifiedOptions) {
		o.forSite(demo.Origins{App: "http://app.example.localhost:1", Vault: "http://vault.example.localhost:1"})
		change(o)
	})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	web := loopback(t)
	web.Timeout = patience
	return &directClient{certified: server, web: web, key: key, nonces: map[string]string{}}
}

// send sends a request, with a proof if the client's tokens are bound, and keeps the
// answer. Its body, if it is JSON, is returned.
func (c *directClient) send(method, target string, form url.Values, token string) map[string]any {
	c.t.Helper()
	request, err := http.NewRequest(method, target, strings.NewReader(form.Encode()))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", c.Origins[0])
	scheme := "Bearer "
	if c.Clients[0].DPoPBound {
		scheme = "DPoP "
		request.Header.Set("DPoP", c.proof(request, token))
	}
	if token != "" {
		request.Header.Set("Authorization", scheme+token)
	}
	c.answer, err = c.web.Do(request)
	require.NoError(c.t, err)
	if nonce := c.answer.Header.Get("DPoP-Nonce"); nonce != "" {
		c.nonces[request.URL.Host] = nonce
	}
	body := bodyOf(c.t, c.answer)
	if !strings.HasPrefix(c.answer.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	return decode[map[string]any](c.t, body)
}

// proof is a DPoP proof (RFC 9449 §4.2) with the newest nonce.
func (c *directClient) proof(request *http.Request, token string) string {
	c.t.Helper()
	point, err := c.key.PublicKey.Bytes() // 4 ‖ X ‖ Y
	require.NoError(c.t, err)
	target, _, _ := strings.Cut(request.URL.String(), "?")
	claims := jwt.MapClaims{"jti": rand.Text(), "htm": request.Method, "htu": target, "iat": time.Now().Unix()}
	if nonce := c.nonces[request.URL.Host]; nonce != "" {
		claims["nonce"] = nonce
	}
	if token != "" {
		claims["ath"] = base64Hash(token)
	}
	proof := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	proof.Header["typ"] = "dpop+jwt"
	proof.Header["jwk"] = map[string]string{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
	signed, err := proof.SignedString(c.key)
	require.NoError(c.t, err)
	return signed
}

func base64Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorization is an authorization request and the verifier of its challenge.
func (c *directClient) authorization(more url.Values) (request url.Values, verifier string) {
	verifier = rand.Text() + rand.Text()
	request = url.Values{
		"client_id": {c.Clients[0].ID}, "response_type": {"code"}, "redirect_uri": {c.Clients[0].RedirectURIs[0]},
		"scope": {"openid profile"}, "state": {"some-state"}, "nonce": {"some-nonce"},
		"code_challenge": {base64Hash(verifier)}, "code_challenge_method": {"S256"},
	}
	for name, values := range more {
		request[name] = values
	}
	return request, verifier
}

// signIn asks for a code, fills in the form if there is one, and returns the parameters
// of the answer.
func (c *directClient) signIn(request url.Values, action string) url.Values {
	c.t.Helper()
	c.send("GET", c.Issuer+"/auth?"+request.Encode(), nil, "")
	for range 5 {
		form := url.Values(nil)
		method, target := "GET", c.answer.Request.URL
		if c.answer.StatusCode == http.StatusOK {
			method, form = "POST", url.Values{"username": {"demo"}, "action": {action}}
		} else {
			var err error
			target, err = c.answer.Location()
			require.NoError(c.t, err, c.answer.Status)
		}
		if !strings.HasPrefix(target.String(), c.Issuer) {
			return target.Query()
		}
		c.send(method, target.String(), form, "")
	}
	require.Fail(c.t, "the sign-in does not end")
	return nil
}

// exchange trades a code for tokens.
func (c *directClient) exchange(code, verifier string, more url.Values) map[string]any {
	c.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {c.Clients[0].ID}, "code": {code},
		"redirect_uri": {c.Clients[0].RedirectURIs[0]}, "code_verifier": {verifier},
	}
	for name, values := range more {
		form[name] = values
	}
	return c.send("POST", c.Issuer+"/token", form, "")
}

func TestCertifiedServerWantsPushedRequestsAndProofs(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(o *certifiedOptions) {
		o.RequirePAR, o.Nonces, o.Clients[0].DPoPBound = true, true, true
		o.Resources = []string{o.API + "/a", o.API + "/b"}
	})
	resource := url.Values{"resource": c.Resources}
	request, verifier := c.authorization(resource)
	refused := c.signIn(request, "continue")
	assert.Equal(t, "invalid_request", refused.Get("error"), "a request that was not pushed")

	assert.Equal(t, "use_dpop_nonce", c.send("POST", c.Issuer+"/request", request, "")["error"])
	pushed := c.send("POST", c.Issuer+"/request", request, "")
	answer := c.signIn(url.Values{"client_id": {c.Clients[0].ID}, "request_uri": {pushed["request_uri"].(string)}}, "continue")
	assert.Equal(t, c.Issuer, answer.Get("iss"))
	assert.Equal(t, "some-state", answer.Get("state"))

	tokens := c.exchange(answer.Get("code"), verifier, url.Values{"resource": {c.Resources[0]}})
	require.Equal(t, "DPoP", tokens["token_type"], "%v", tokens)
	first := tokens["access_token"].(string)
	tokens = c.send("POST", c.Issuer+"/token", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {c.Clients[0].ID},
		"refresh_token": {tokens["refresh_token"].(string)}, "resource": {c.Resources[1]},
	}, "")
	second := tokens["access_token"].(string)

	assert.Equal(t, "use_dpop_nonce", c.send("GET", c.Resources[0]+"/whoami", nil, first)["error"])
	for i, token := range []string{first, second} {
		got := c.send("GET", c.Resources[i]+"/whoami", nil, token)
		assert.Equal(t, c.Resources[i], got["aud"], "%v", got)
		assert.Equal(t, "DPoP", got["scheme"])
		assert.Equal(t, hash(token), got["token_sha256"])
		assert.Equal(t, c.Origins[0], c.answer.Header.Get("Access-Control-Allow-Origin"))
	}
	assert.Equal(t, "invalid_token", c.send("GET", c.Resources[0]+"/whoami", nil, second)["error"], "the other resource's token")
	stolen, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c.key = stolen
	assert.Equal(t, "invalid_token", c.send("GET", c.Resources[0]+"/whoami", nil, first)["error"], "another's key")
	c.Clients[0].DPoPBound = false
	assert.Equal(t, "invalid_token", c.send("GET", c.Resources[0]+"/whoami", nil, first)["error"], "a bound token as a bearer's")
}

func TestCertifiedServerStepsUp(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(o *certifiedOptions) { o.ACRValues = []string{"gold"} })
	for _, step := range []struct {
		more   url.Values
		status int
	}{
		{nil, http.StatusUnauthorized},
		{url.Values{"acr_values": {"gold"}}, http.StatusOK},
	} {
		request, verifier := c.authorization(step.more)
		tokens := c.exchange(c.signIn(request, "continue").Get("code"), verifier, nil)
		token := tokens["access_token"].(string)
		got := c.send("GET", c.whoami(), nil, token)
		assert.Equal(t, "demo", got["sub"])
		c.send("GET", c.whoami()+"?acr=gold&max_age=60", nil, token)
		assert.Equal(t, step.status, c.answer.StatusCode)
	}
	c.send("GET", c.whoami()+"?max_age=-1", nil, c.token("access").Value)
	assert.Equal(t, `Bearer error="insufficient_user_authentication", max_age="-1"`, c.answer.Header.Get("WWW-Authenticate"))
}

func TestCertifiedServerTakesARefreshTokenOnceAlsoWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(*certifiedOptions) {})
	request, verifier := c.authorization(nil)
	tokens := c.exchange(c.signIn(request, "continue").Get("code"), verifier, nil)
	refresh := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {c.Clients[0].ID}, "refresh_token": {tokens["refresh_token"].(string)},
	}
	c.loseTokens()
	_, err := c.web.PostForm(c.Issuer+"/token", refresh) //nolint:bodyclose // there is no response
	require.Error(t, err)
	assert.NotEqual(t, tokens["refresh_token"], c.token("refresh").Value, "it was rotated")
	assert.True(t, c.token("refresh").Live)

	assert.Equal(t, "invalid_grant", c.send("POST", c.Issuer+"/token", refresh, "")["error"])
	for _, token := range c.issued() {
		assert.False(t, token.Live, "the %s token went with the one that came twice", token.Kind)
	}
}

func TestCertifiedServerSignsWithTheAlgorithmOfTheClient(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			c := newDirectClient(t, func(o *certifiedOptions) { o.Clients[0].IDTokenAlg = alg })
			request, verifier := c.authorization(nil)
			tokens := c.exchange(c.signIn(request, "continue").Get("code"), verifier, nil)
			assert.Equal(t, alg, headerOf(t, tokens["id_token"].(string))["alg"])
		})
	}
}

func TestCertifiedServerRefuses(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(*certifiedOptions) {})
	request, _ := c.authorization(nil)
	assert.Equal(t, "access_denied", c.signIn(request, "cancel").Get("error"))

	request.Del("code_challenge")
	request.Del("code_challenge_method")
	assert.Equal(t, "invalid_request", c.signIn(request, "continue").Get("error"), "no PKCE")

	c.Origins[0] = "http://app.example.localhost:1"
	c.exchange("any", "any", nil)
	assert.Equal(t, http.StatusBadRequest, c.answer.StatusCode)
	assert.Empty(t, c.answer.Header.Get("Access-Control-Allow-Origin"), "the app may not read it")
	c.send("GET", c.whoami(), nil, "not-a-token")
	assert.Equal(t, http.StatusUnauthorized, c.answer.StatusCode)
	assert.Empty(t, c.answer.Header.Get("Access-Control-Allow-Origin"), "the app may not read it")
}

func TestCertifiedServerSaysThatItsPortIsTaken(t *testing.T) {
	t.Parallel()
	c := newDirectClient(t, func(*certifiedOptions) {})
	second := &certified{t: t, certifiedOptions: c.certifiedOptions}
	assert.False(t, second.start())
}
