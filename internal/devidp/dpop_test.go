package devidp

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestDPoPBindsTokens(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	reply := key.tokens(t)
	require.Equal(t, "DPoP", reply.TokenType)
	var claims accessClaims
	require.NoError(t, rg.keys.parse(reply.AccessToken, typeAccess, &claims, jwt.WithTimeFunc(rg.clock.Now)))
	require.Equal(t, key.public.thumbprint(), claims.Confirmation.Thumbprint)
	bound := map[TokenKind]string{}
	for _, token := range rg.Issued() {
		bound[token.Kind] = token.JKT
	}
	require.Equal(t, map[TokenKind]string{
		CodeToken: "", AccessToken: key.public.thumbprint(), RefreshToken: key.public.thumbprint(), IDToken: "",
	}, bound)

	require.Equal(t, http.StatusOK, key.call(t, "/v1/json?x=1", reply.AccessToken).status)
	again := decodeTokens(t, key.redeem(t, refreshForm(reply.RefreshToken)))
	require.Equal(t, "DPoP", again.TokenType)
	require.Equal(t, http.StatusOK, key.call(t, "/v1/json", again.AccessToken).status)
}

func TestDPoPProofRefused(t *testing.T) {
	type change = func(*jwt.Token, jwt.MapClaims)
	rg := newRig(t, func(o *Options) { o.ProofWindow = time.Minute })
	key := rg.newProver(t)
	reply := key.tokens(t)
	claim := func(name string, value any) change {
		return func(_ *jwt.Token, c jwt.MapClaims) { c[name] = value }
	}
	without := func(name string) change { return func(_ *jwt.Token, c jwt.MapClaims) { delete(c, name) } }
	head := func(name string, value any) change {
		return func(token *jwt.Token, _ jwt.MapClaims) { token.Header[name] = value }
	}
	member := func(name string, value any) change {
		return func(token *jwt.Token, _ jwt.MapClaims) { token.Header["jwk"].(map[string]any)[name] = value }
	}
	now := rg.clock.Now()
	tests := []struct {
		name    string
		change  change
		apiOnly bool
	}{
		{name: "another type", change: head("typ", "JWT")},
		{name: "no key", change: head("jwk", nil)},
		{name: "a private key", change: member("d", "AA")},
		{name: "another kind of key", change: member("kty", "OKP")},
		{name: "another curve", change: member("crv", "P-384")},
		{name: "a coordinate that is cut", change: member("x", key.public.X[:40])},
		{name: "a coordinate that is no text", change: member("y", 1)},
		{name: "a point beside the curve", change: member("x", base64.RawURLEncoding.EncodeToString(make([]byte, 32)))},
		{name: "somebody else's key", change: member("x", rg.newProver(t).public.X)},
		{name: "another algorithm", change: func(token *jwt.Token, _ jwt.MapClaims) { token.Header["alg"] = "ES384" }},
		{name: "another method", change: claim("htm", "PUT")},
		{name: "a method in lower case", change: claim("htm", "post")},
		{name: "another URL", change: claim("htu", rg.auth+"/other")},
		{name: "a URL with a query", change: func(_ *jwt.Token, c jwt.MapClaims) { c["htu"] = c["htu"].(string) + "?x=1" }},
		{name: "a URL with a fragment", change: func(_ *jwt.Token, c jwt.MapClaims) { c["htu"] = c["htu"].(string) + "#x" }},
		{name: "no URL", change: without("htu")},
		{name: "no time", change: without("iat")},
		{name: "too old", change: claim("iat", now.Add(-time.Minute-time.Second).Unix())},
		{name: "too new", change: claim("iat", now.Add(time.Minute+time.Second).Unix())},
		{name: "no name", change: without("jti")},
		{name: "a long name", change: claim("jti", strings.Repeat("x", maxJTI+1))},
		{name: "no hash of the token", change: without("ath"), apiOnly: true},
		{name: "the hash of another token", change: claim("ath", hashOf("x")), apiOnly: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := key.call(t, "/v1/json", reply.AccessToken, tt.change)
			requireError(t, a, http.StatusUnauthorized, "invalid_dpop_proof")
			require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), `DPoP realm="devidp", algs="ES256", error="invalid_dpop_proof"`))
			if !tt.apiOnly {
				requireError(t, key.redeem(t, refreshForm(reply.RefreshToken), tt.change), http.StatusBadRequest, "invalid_dpop_proof")
				push := key.proof(t, http.MethodPost, rg.auth+"/par", "", tt.change)
				requireError(t, rg.post(t, rg.auth+"/par", authorization(), push), http.StatusBadRequest, "invalid_dpop_proof")
			}
		})
	}
	for _, at := range []time.Duration{-time.Minute, time.Minute} {
		require.Equal(t, http.StatusOK, key.call(t, "/v1/json", reply.AccessToken, claim("iat", now.Add(at).Unix())).status, "the window is inclusive")
	}
	require.Equal(t, http.StatusOK, key.redeem(t, refreshForm(reply.RefreshToken)).status, "a refused proof uses no token up")
}

func TestDPoPProofWorksOnce(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	reply := key.tokens(t)
	h := key.proof(t, http.MethodGet, rg.api+"/v1/json", reply.AccessToken)
	h["Authorization"] = "DPoP " + reply.AccessToken
	require.Equal(t, http.StatusOK, rg.get(t, rg.api+"/v1/json", h).status)
	requireError(t, rg.get(t, rg.api+"/v1/json", h), http.StatusUnauthorized, "invalid_dpop_proof")
	rg.clock.advance(4*time.Minute + 59*time.Second)
	requireError(t, rg.get(t, rg.api+"/v1/json", h), http.StatusUnauthorized, "invalid_dpop_proof")
	require.Equal(t, 2, rg.Stats().Proofs)
}

func TestDPoPOneHeader(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	target := rg.auth + "/par"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(authorization().Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for range 2 {
		request.Header.Add(headerProof, key.proof(t, http.MethodPost, target, "")[headerProof])
	}
	response, err := rg.browser.Do(request)
	require.NoError(t, err)
	requireError(t, read(t, response), http.StatusBadRequest, "invalid_dpop_proof")
}

func TestDPoPTokenNeedsItsKey(t *testing.T) {
	rg := newRig(t)
	key, other := rg.newProver(t), rg.newProver(t)
	bound, bearer := key.tokens(t), rg.tokens(t)
	proved := func(p *prover, token string) header { return p.proof(t, http.MethodGet, rg.api+"/v1/json", token) }
	tests := []struct {
		name, authorization string
		proof               header
		code, scheme        string
	}{
		{"as a bearer token", "Bearer " + bound.AccessToken, nil, "invalid_token", "DPoP"},
		{"as a bearer token with a proof", "Bearer " + bound.AccessToken, proved(key, bound.AccessToken), "invalid_token", "DPoP"},
		{"without a proof", "DPoP " + bound.AccessToken, nil, "invalid_dpop_proof", "DPoP"},
		{"with the proof of another key", "DPoP " + bound.AccessToken, proved(other, bound.AccessToken), "invalid_token", "DPoP"},
		{"with a proof for another token", "DPoP " + bound.AccessToken, proved(key, bearer.AccessToken), "invalid_dpop_proof", "DPoP"},
		{"a bearer token as a bound one", "DPoP " + bearer.AccessToken, proved(key, bearer.AccessToken), "invalid_token", "DPoP"},
		{"the right way", "dpop " + bound.AccessToken, proved(key, bound.AccessToken), "", ""},
		{"a bearer token the right way", "Bearer " + bearer.AccessToken, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := header{"Authorization": tt.authorization}
			for name, value := range tt.proof {
				h[name] = value
			}
			a := rg.get(t, rg.api+"/v1/json", h)
			if tt.code == "" {
				require.Equal(t, http.StatusOK, a.status, a.body)
				return
			}
			requireError(t, a, http.StatusUnauthorized, tt.code)
			require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), tt.scheme+" "))
			require.Contains(t, a.header.Get("WWW-Authenticate"), `error="`+tt.code+`"`)
		})
	}
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultInvalidToken})
	require.Contains(t, key.call(t, "/v1/json", bound.AccessToken).header.Get("WWW-Authenticate"), `DPoP realm`)
}

func TestDPoPUserInfo(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	token := key.tokens(t).AccessToken
	target := rg.auth + "/userinfo"
	h := key.proof(t, http.MethodGet, target, token)
	requireError(t, rg.get(t, target, header{"Authorization": "Bearer " + token}), http.StatusUnauthorized, "invalid_token")
	h["Authorization"] = "DPoP " + token
	require.Equal(t, http.StatusOK, rg.get(t, target, h).status)
}

func TestDPoPRefreshNeedsItsKey(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	token := key.tokens(t).RefreshToken
	requireError(t, rg.refresh(t, token), http.StatusBadRequest, "invalid_dpop_proof")
	requireError(t, rg.newProver(t).redeem(t, refreshForm(token)), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, http.StatusOK, key.redeem(t, refreshForm(token)).status, "neither used it up")
}

func TestDPoPBeginsWithARefresh(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	reply := decodeTokens(t, key.redeem(t, refreshForm(rg.tokens(t).RefreshToken)))
	require.Equal(t, "DPoP", reply.TokenType)
	require.Equal(t, http.StatusOK, key.call(t, "/v1/json", reply.AccessToken).status)
	requireError(t, rg.refresh(t, reply.RefreshToken), http.StatusBadRequest, "invalid_dpop_proof")
}

func TestDPoPBindsTheCode(t *testing.T) {
	tests := []struct {
		name   string
		redeem func(t *testing.T, rg *rig, key *prover, code string) answer
		want   string
	}{
		{"its key", func(t *testing.T, _ *rig, key *prover, code string) answer { return key.redeem(t, exchange(code)) }, ""},
		{"another key", func(t *testing.T, rg *rig, _ *prover, code string) answer {
			return rg.newProver(t).redeem(t, exchange(code))
		}, "invalid_grant"},
		{"no key", func(t *testing.T, rg *rig, _ *prover, code string) answer {
			return rg.post(t, rg.auth+"/token", exchange(code), nil)
		}, "invalid_dpop_proof"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			key := rg.newProver(t)
			a := tt.redeem(t, rg, key, rg.signInAt(t, rg.auth+"/authorize", "dpop_jkt", key.public.thumbprint()))
			if tt.want == "" {
				require.Equal(t, http.StatusOK, a.status, a.body)
				return
			}
			requireError(t, a, http.StatusBadRequest, tt.want)
		})
	}
}

func TestRequireDPoP(t *testing.T) {
	rg := newRig(t, func(o *Options) { o.Clients[0].RequireDPoP = true })
	code := rg.signInAt(t, rg.auth+"/authorize")
	requireError(t, rg.post(t, rg.auth+"/token", exchange(code), nil), http.StatusBadRequest, "invalid_dpop_proof")
	require.Equal(t, http.StatusOK, rg.newProver(t).redeem(t, exchange(code)).status, "the code was not used up")
}

func TestFaultIgnoreProof(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointCode, Kind: FaultIgnoreProof})
	key := rg.newProver(t)
	reply := key.tokens(t, "dpop_jkt", key.public.thumbprint())
	require.Equal(t, "Bearer", reply.TokenType)
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", reply.AccessToken).status)
}

func TestDPoPNonceOfTheAuthorizationServer(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	code := rg.signInAt(t, rg.auth+"/authorize")
	rg.SetDPoPNonce(AuthServer, "n-1")
	for _, given := range []string{"", "n-0"} {
		a := key.redeem(t, exchange(code), nonce(given))
		requireError(t, a, http.StatusBadRequest, "use_dpop_nonce")
		require.Equal(t, "n-1", a.header.Get("DPoP-Nonce"))
		pushed := rg.post(t, rg.auth+"/par", authorization(), key.proof(t, http.MethodPost, rg.auth+"/par", "", nonce(given)))
		requireError(t, pushed, http.StatusBadRequest, "use_dpop_nonce")
		require.Equal(t, "n-1", pushed.header.Get("DPoP-Nonce"))
	}
	a := key.redeem(t, exchange(code), nonce("n-1"))
	reply := decodeTokens(t, a)
	require.Equal(t, "n-1", a.header.Get("DPoP-Nonce"), "every answer has it")
	require.Equal(t, http.StatusOK, key.call(t, "/v1/json", reply.AccessToken).status, "the API asks for none")

	rg.SetDPoPNonce(AuthServer, "n-2")
	requireError(t, key.redeem(t, refreshForm(reply.RefreshToken), nonce("n-1")), http.StatusBadRequest, "use_dpop_nonce")
	reply = decodeTokens(t, key.redeem(t, refreshForm(reply.RefreshToken), nonce("n-2")))

	info := key.proof(t, http.MethodGet, rg.auth+"/userinfo", reply.AccessToken)
	info["Authorization"] = "DPoP " + reply.AccessToken
	a = rg.get(t, rg.auth+"/userinfo", info)
	requireError(t, a, http.StatusUnauthorized, "use_dpop_nonce")
	require.Equal(t, "n-2", a.header.Get("DPoP-Nonce"))

	rg.SetDPoPNonce(AuthServer, "")
	a = key.redeem(t, refreshForm(reply.RefreshToken))
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.header.Get("DPoP-Nonce"))
}

func TestDPoPNonceOfTheAPI(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	rg.SetDPoPNonce(APIServer, "a-1")
	token := key.tokens(t).AccessToken
	a := key.call(t, "/v1/json", token)
	requireError(t, a, http.StatusUnauthorized, "use_dpop_nonce")
	require.Equal(t, "a-1", a.header.Get("DPoP-Nonce"))
	require.Contains(t, a.header.Get("WWW-Authenticate"), `DPoP realm="devidp", algs="ES256", error="use_dpop_nonce"`)
	a = key.call(t, "/v1/json", token, nonce("a-1"))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "a-1", a.header.Get("DPoP-Nonce"))
	require.Equal(t, "a-1", rg.get(t, rg.api+"/public/json", nil).header.Get("DPoP-Nonce"))
	require.Equal(t, http.StatusOK, rg.call(t, "/v1/json", rg.tokens(t).AccessToken).status, "a bearer token needs none")
}

// A client that is told to use a nonce must make a new proof, with a new jti.
func TestDPoPNonceUsesTheProofUp(t *testing.T) {
	rg := newRig(t)
	key := rg.newProver(t)
	code := rg.signInAt(t, rg.auth+"/authorize")
	rg.SetDPoPNonce(AuthServer, "n-1")
	same := func(_ *jwt.Token, c jwt.MapClaims) { c["jti"] = "the same" }
	requireError(t, key.redeem(t, exchange(code), same), http.StatusBadRequest, "use_dpop_nonce")
	requireError(t, key.redeem(t, exchange(code), same, nonce("n-1")), http.StatusBadRequest, "invalid_dpop_proof")
}

// The nonce may change while a fault holds a request.
func TestDPoPNonceIsTheOneOfTheAnswer(t *testing.T) {
	tests := []struct {
		name     string
		endpoint Endpoint
		kind     ServerKind
		path     string
		send     func(t *testing.T, rg *rig, key *prover, bound tokenReply) answer
	}{
		{"token endpoint", EndpointRefresh, AuthServer, "/token", func(t *testing.T, _ *rig, key *prover, bound tokenReply) answer {
			return key.redeem(t, refreshForm(bound.RefreshToken), nonce("n-1"))
		}},
		{"UserInfo", EndpointUserInfo, AuthServer, "/userinfo", func(t *testing.T, rg *rig, key *prover, bound tokenReply) answer {
			h := key.proof(t, http.MethodGet, rg.auth+"/userinfo", bound.AccessToken, nonce("n-1"))
			h["Authorization"] = "DPoP " + bound.AccessToken
			return rg.get(t, rg.auth+"/userinfo", h)
		}},
		{"API", EndpointAPI, APIServer, "/v1/json", func(t *testing.T, _ *rig, key *prover, bound tokenReply) answer {
			return key.call(t, "/v1/json", bound.AccessToken, nonce("n-1"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			key := rg.newProver(t)
			bound := key.tokens(t)
			rg.ClearRequests()
			rg.SetDPoPNonce(tt.kind, "n-1")
			release := make(chan struct{})
			rg.SetFaults(Fault{Endpoint: tt.endpoint, Kind: FaultHold, Until: release})
			got := make(chan answer, 1)
			go func() { got <- tt.send(t, rg, key, bound) }()
			rg.waitFor(t, func(r Request) bool { return r.Path == tt.path })
			rg.SetDPoPNonce(tt.kind, "n-2")
			close(release)
			a := <-got
			require.Equal(t, "use_dpop_nonce", a.json(t)["error"])
			require.Equal(t, "n-2", a.header.Get("DPoP-Nonce"))
		})
	}
}

func TestQuotable(t *testing.T) {
	require.Equal(t, "a'b''c'", quotable("a\"b\\\nc\u00e9"))
}
