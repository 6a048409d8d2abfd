package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

// proofOf returns the claims of a proof whose signature holds, and the thumbprint of
// the key that is in it.
func proofOf(t testing.TB, proof string) (claims jwt.MapClaims, thumbprint string) {
	t.Helper()
	claims = jwt.MapClaims{}
	token, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(proof, claims, func(token *jwt.Token) (any, error) {
		key, err := json.Marshal(token.Header["jwk"])
		require.NoError(t, err)
		hash := sha256.Sum256(key) // of a map: its members are in the order of RFC 7638
		thumbprint = base64.RawURLEncoding.EncodeToString(hash[:])
		return publicKey(string(key))
	})
	require.NoError(t, err, "%q", proof)
	require.Equal(t, "dpop+jwt", token.Header["typ"])
	require.Equal(t, "ES256", token.Header["alg"])
	return claims, thumbprint
}

func hashOf(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// binding is an origin whose first client has a key, and a server that binds tokens.
func binding(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin := newOrigin(t)
	origin.table.Clients[0].DPoP = true
	origin.server.kind = "DPoP"
	return origin, origin.open()
}

// bound is binding, signed in.
func bound(t testing.TB) (*origin, *frame) {
	t.Helper()
	origin, frame := binding(t)
	frame.signIn(t)
	return origin, frame
}

// proofs returns the claims of the proofs that requests to a URL had.
func (s *authServer) proofs(url string) []jwt.MapClaims {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []jwt.MapClaims
	for _, request := range s.requests {
		if request.URL == url {
			claims, _ := proofOf(s.t, header(request.Headers, "dpop"))
			all = append(all, claims)
		}
	}
	return all
}

// demand has each token request refused that has not this nonce.
func demand(t testing.TB, nonce *string) func(context.Context, FetchRequest) (FetchResponse, error) {
	return func(_ context.Context, request FetchRequest) (FetchResponse, error) {
		if request.URL != tokenURL {
			return FetchResponse{}, nil
		}
		claims, _ := proofOf(t, header(request.Headers, "dpop"))
		if claims["nonce"] == *nonce {
			return FetchResponse{}, nil
		}
		return wantsNonce(*nonce), nil
	}
}

func wantsNonce(nonce string) FetchResponse {
	reply := jsonResponse(400, `{"error":"use_dpop_nonce"}`)
	reply.Headers = append(reply.Headers, "DPoP-Nonce", nonce)
	return reply
}

func TestRequestsCarryAProof(t *testing.T) {
	t.Parallel()
	origin, frame := bound(t)
	first := frame.do(t.Context(), request{method: "POST", url: apiURL + "?a=b", headers: "DPoP\nx\nAuthorization\ny\nx-a\n1\n"})
	require.Equal(t, accessToken(1), credentials(first, "DPoP "))
	require.Equal(t, []string{"x-a", "authorization", "dpop"}, []string{first.Headers[0], first.Headers[2], first.Headers[4]}, "nothing of the app's")
	require.Len(t, first.Headers, 6)
	claims, thumbprint := proofOf(t, header(first.Headers, "dpop"))
	require.Len(t, claims["jti"], 22)
	require.Equal(t, jwt.MapClaims{
		"htm": "POST", "htu": apiURL, "iat": float64(origin.clock().Unix()), "ath": hashOf(accessToken(1)), "jti": claims["jti"],
	}, claims)

	again, same := proofOf(t, header(frame.get(t.Context()).Headers, "dpop"))
	require.NotEqual(t, claims["jti"], again["jti"])
	require.Equal(t, "GET", again["htm"])
	require.Equal(t, thumbprint, same)
	announced, err := frame.proofThumbprint(t.Context(), &origin.table.Clients[0])
	require.NoError(t, err)
	require.Equal(t, thumbprint, announced)

	origin.server.kind = ""
	frame.signInAs(t, "spa2")
	other := frame.do(t.Context(), request{url: "https://api.example.com/v2/x"})
	require.Empty(t, header(other.Headers, "dpop"), "a client without a key")
}

func TestTokenRequestsCarryAProof(t *testing.T) {
	t.Parallel()
	origin, frame := bound(t)
	frame.call(t.Context(), protocol.CallRefresh, "main")
	frame.post(t.Context(), tokenURL, "grant_type=refresh_token&client_id=spa")
	proofs := origin.server.proofs(tokenURL)
	require.Len(t, proofs, 3)
	for i, claims := range proofs {
		require.Equal(t, jwt.MapClaims{"htm": "POST", "htu": tokenURL, "iat": float64(origin.clock().Unix()), "jti": claims["jti"]}, claims)
		require.NotEqual(t, proofs[(i+1)%3]["jti"], claims["jti"])
	}
}

func TestTokenTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bound bool
		reply string
		want  string // in the refusal; "" for none
	}{
		{"bound", true, `{"access_token":"the-token","token_type":"DPoP"}`, ""},
		{"bound, in other letters", true, `{"access_token":"the-token","token_type":"dpop"}`, ""},
		{"a server that does not bind", true, `{"access_token":"the-token","token_type":"Bearer"}`, "Enable DPoP for this client at the authorization server"},
		{"a server that does not say", true, `{"access_token":"the-token"}`, "Enable DPoP"},
		{"bearer", false, `{"access_token":"the-token","token_type":"Bearer"}`, ""},
		{"bound to somebody's key", false, `{"access_token":"the-token","token_type":"DPoP"}`, "no token response"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin := newOrigin(t)
			origin.table.Clients[0].DPoP = tt.bound
			origin.server.bend(always(jsonResponse(200, tt.reply), nil))
			answer := origin.open().post(t.Context(), tokenURL, signInForm)
			if tt.want == "" {
				require.Equal(t, 200, answer.Status)
				return
			}
			requireRefusal(t, answer, 502, protocol.CodeInvalidResponse)
			require.Contains(t, string(answer.Body), tt.want)
			require.Nil(t, origin.store.record("session/main"))
		})
	}
}

// A token endpoint that wants its nonce gets it, at once and from then on.
func TestNonceOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	origin, frame := binding(t)
	nonce := "first"
	origin.server.bend(demand(t, &nonce))
	frame.signIn(t)
	require.Len(t, origin.server.requests, 2)
	require.Equal(t, origin.server.requests[0].Body, origin.server.requests[1].Body)
	frame.call(t.Context(), protocol.CallRefresh, "main")
	require.Len(t, origin.server.requests, 3)
	nonce = "second"
	frame.call(t.Context(), protocol.CallRefresh, "main")
	var sent []any
	for _, claims := range origin.server.proofs(tokenURL) {
		sent = append(sent, claims["nonce"])
	}
	require.Equal(t, []any{nil, "first", "first", "first", "second"}, sent)
}

func TestNonceIsTriedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		reply FetchResponse
		asked int
	}{
		{"a server that always wants another", wantsNonce("next"), 2},
		{"no nonce", jsonResponse(400, `{"error":"use_dpop_nonce"}`), 1},
		{"a nonce that is none", wantsNonce("a b"), 1},
		{"another error, with a nonce", FetchResponse{
			Status: 400, Headers: []string{"dpop-nonce", "next"}, Body: []byte(`{"error":"invalid_request","error_description":"use_dpop_nonce"}`),
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := bound(t)
			origin.server.bend(always(tt.reply, nil))
			require.Equal(t, []string{"error", "refresh_failed"}, frame.call(t.Context(), protocol.CallRefresh, "main")[:2])
			require.Equal(t, 1+tt.asked, len(origin.server.asked(tokenURL)))
			require.NotNil(t, origin.stored(t, "main"))
		})
	}
}

func challengedWith(code string, more ...string) Response {
	return Response{Status: 401, Headers: append([]string{"www-authenticate", `DPoP error="` + code + `", algs="ES256"`}, more...)}
}

// A resource may want its nonce, and find the token expired, in any order.
func TestNonceOfAResource(t *testing.T) {
	t.Parallel()
	nonce := func(value string) Response { return challengedWith("use_dpop_nonce", "dpop-nonce", value) }
	dead := challengedWith("invalid_token")
	tests := []struct {
		name      string
		responses []Response // each but the last is retried
		refreshes int
		nonce     any // in the last proof
	}{
		{"a nonce", []Response{nonce("a"), {Status: 200}}, 0, "a"},
		{"then an expired token", []Response{nonce("a"), dead, {Status: 200}}, 1, "a"},
		{"an expired token, then a nonce", []Response{dead, nonce("a"), {Status: 200}}, 1, "a"},
		{"an expired token, with a nonce", []Response{challengedWith("invalid_token", "dpop-nonce", "a"), {Status: 200}}, 1, "a"},
		{"nonces for ever", []Response{nonce("a"), nonce("b")}, 0, "a"},
		{"both for ever", []Response{nonce("a"), dead, nonce("b")}, 1, "a"},
		{"both for ever, the other way round", []Response{dead, nonce("a"), dead}, 1, "a"},
		{"no nonce with it", []Response{challengedWith("use_dpop_nonce")}, 0, nil},
		{"a nonce that is none", []Response{challengedWith("use_dpop_nonce", "dpop-nonce", `"`)}, 0, nil},
		{"another status", []Response{{Status: 400, Headers: nonce("a").Headers}}, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			origin, frame := bound(t)
			id, answer := frame.start(t.Context(), request{method: "POST", url: apiURL})
			for i, response := range tt.responses {
				claims, _ := proofOf(t, header(answer.Headers, "dpop"))
				require.Equal(t, hashOf(credentials(answer, "DPoP ")), claims["ath"])
				if i == len(tt.responses)-1 {
					require.Equal(t, tt.nonce, claims["nonce"])
					answer = frame.Head(id, response)
					break
				}
				answer = frame.settle(t.Context(), id, frame.Head(id, response))
			}
			require.Equal(t, Deliver, answer.Action)
			require.Equal(t, tt.responses[len(tt.responses)-1].Status, answer.Status)
			require.Equal(t, tt.refreshes, origin.server.refreshes())
		})
	}
}

// Each origin has nonces of its own, and every response may bring the next.
func TestNoncesAreOfAnOrigin(t *testing.T) {
	t.Parallel()
	_, frame := bound(t)
	nonceOf := func(url string) any {
		answer := frame.do(t.Context(), request{url: url})
		claims, _ := proofOf(t, header(answer.Headers, "dpop"))
		return claims["nonce"]
	}
	id, _ := frame.start(t.Context(), request{url: apiURL})
	require.Equal(t, Deliver, frame.Head(id, Response{Status: 200, Headers: []string{"DPoP-Nonce", "next"}}).Action)
	require.Equal(t, "next", nonceOf(apiURL))
	require.Nil(t, nonceOf("https://auth.example.com/userinfo"))
}

func TestRedirectsWithAProof(t *testing.T) {
	t.Parallel()
	for redirect, want := range map[string]struct {
		manual bool
		answer Action // to a redirect that the browser hides
	}{
		"follow": {true, Reply},
		"manual": {true, Deliver},
		"error":  {false, Reply}, // the browser fails it before
	} {
		t.Run(redirect, func(t *testing.T) {
			t.Parallel()
			_, frame := bound(t)
			id := frame.lastID.Add(1)
			pairs := append(request{url: apiURL}.pairs(), "redirect", redirect)
			answer := frame.settle(t.Context(), id, frame.Begin(id, targetOf(apiURL), pairs))
			require.Equal(t, Send, answer.Action)
			require.Equal(t, want.manual, answer.Manual)
			answer = frame.Head(id, Response{})
			require.Equal(t, want.answer, answer.Action)
			if want.answer == Reply {
				requireRefusal(t, answer, 502, protocol.CodeRedirectRefused)
			}
		})
	}
	t.Run("without a proof the browser does as the app wants", func(t *testing.T) {
		t.Parallel()
		_, frame := signedIn(t)
		id, answer := frame.start(t.Context(), request{url: apiURL})
		require.False(t, answer.Manual)
		require.Equal(t, Deliver, frame.Head(id, Response{}).Action)
	})
}

// A redirect of an API with plain tokens may lead to one that wants a proof.
func TestRedirectToAResourceThatWantsAProof(t *testing.T) {
	t.Parallel()
	const filesURL = "https://files.example.com/v2/a"
	origin := newOrigin(t)
	origin.table.Clients[1].DPoP = true
	frame := origin.open()
	frame.signIn(t)
	origin.server.kind = "DPoP"
	frame.signInAs(t, "spa2")
	id, answer := frame.start(t.Context(), request{url: apiURL})
	require.Equal(t, accessToken(1), bearer(answer))
	answer = frame.settle(t.Context(), id, frame.Head(id, Response{Status: 401, Redirected: targetOf(filesURL)}))
	require.Equal(t, filesURL, answer.URL)
	require.Equal(t, accessToken(2), credentials(answer, "DPoP "))
	require.True(t, answer.Manual)
	claims, _ := proofOf(t, header(answer.Headers, "dpop"))
	require.Equal(t, filesURL, claims["htu"])
}

// What the browser's cryptography cannot do is told, and sends nothing.
func TestProofsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	origin, frame := bound(t)
	origin.crypto.fail(errors.New("the key is not ours"))
	for _, answer := range []Answer{frame.get(t.Context()), frame.post(t.Context(), tokenURL, signInForm)} {
		requireRefusal(t, answer, 503, protocol.CodeStorageFailed)
		require.NotContains(t, string(answer.Body), "the key is not ours")
	}
	require.Len(t, origin.server.requests, 1, "that of the sign-in before")
	_, err := frame.proofThumbprint(t.Context(), &origin.table.Clients[0])
	require.ErrorIs(t, err, errStorage)
}

func TestARefusedProofIsNamed(t *testing.T) {
	t.Parallel()
	origin, frame := bound(t)
	origin.server.bend(always(jsonResponse(400, `{"error":"invalid_dpop_proof"}`), nil))
	said := frame.call(t.Context(), protocol.CallRefresh, "main")
	require.Equal(t, []string{"error", "refresh_failed"}, said[:2])
	require.Contains(t, said[2], "clock")
	require.Len(t, origin.server.asked(tokenURL), 2)
	require.NotNil(t, origin.stored(t, "main"))
}

// The key outlives a sign-out: it is of the client, and binds each session.
func TestTheKeyIsOfTheClient(t *testing.T) {
	t.Parallel()
	origin, frame := bound(t)
	frame.call(t.Context(), protocol.CallRemove, "main")
	frame.signIn(t)
	_, first := proofOf(t, header(origin.server.requests[0].Headers, "dpop"))
	_, second := proofOf(t, header(origin.server.requests[1].Headers, "dpop"))
	require.Equal(t, first, second)
}
