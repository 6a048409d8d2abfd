package devidp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAuthorizeRefusesWithoutRedirect(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		name  string
		query string
	}{
		{"no client", authorization("client_id", "-").Encode()},
		{"unknown client", authorization("client_id", "nobody").Encode()},
		{"no redirect_uri", authorization("redirect_uri", "-").Encode()},
		{"foreign redirect_uri", authorization("redirect_uri", evilOrigin+"/callback").Encode()},
		{"redirect_uri with a trailing slash", authorization("redirect_uri", callback+"/").Encode()},
		{"redirect_uri with a query of its own", authorization("redirect_uri", callback+"?x=1").Encode()},
		{"redirect_uri with a fragment", authorization("redirect_uri", callback+"#x").Encode()},
		{"redirect_uri in capitals", authorization("redirect_uri", strings.ToUpper(callback)).Encode()},
		{"redirect_uri below the registered one", authorization("redirect_uri", callback+"/../evil").Encode()},
		{"redirect_uri of another client", authorization("client_id", "other", "redirect_uri", callbackTwo).Encode()},
		{"a repeated parameter", authorization().Encode() + "&scope=openid"},
		{"a query that is none", authorization().Encode() + "&%zz"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.get(t, rg.auth+"/authorize?"+tt.query, nil)
			require.Equal(t, http.StatusBadRequest, a.status)
			require.Empty(t, a.header.Get("Location"))
			require.Contains(t, a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		})
	}
}

func TestAuthorizeRefusesByRedirect(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		name  string
		pairs []string
		want  string
	}{
		{"response_type token", []string{"response_type", "token"}, "unsupported_response_type"},
		{"no response_type", []string{"response_type", "-"}, "unsupported_response_type"},
		{"response_mode fragment", []string{"response_mode", "fragment"}, "invalid_request"},
		{"no challenge", []string{"code_challenge", "-"}, "invalid_request"},
		{"plain", []string{"code_challenge_method", "plain", "code_challenge", verifier}, "invalid_request"},
		{"no method, which means plain", []string{"code_challenge_method", "-"}, "invalid_request"},
		{"method in lower case", []string{"code_challenge_method", "s256"}, "invalid_request"},
		{"short challenge", []string{"code_challenge", "abc"}, "invalid_request"},
		{"challenge with padding", []string{"code_challenge", strings.Repeat("a", 42) + "="}, "invalid_request"},
		{"request object", []string{"request", "x"}, "request_not_supported"},
		{"request_uri", []string{"request_uri", "https://x"}, "request_uri_not_supported"},
		{"malformed scope", []string{"scope", `a "b"`}, "invalid_scope"},
		{"max_age of letters", []string{"max_age", "soon"}, "invalid_request"},
		{"unknown prompt", []string{"prompt", "create"}, "invalid_request"},
		{"prompt none with another", []string{"prompt", "none login"}, "invalid_request"},
		{"prompt none and nobody signed in", []string{"prompt", "none"}, "login_required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := rg.authorizeAt(t, rg.auth+"/authorize", authorization(tt.pairs...))
			require.Equal(t, http.StatusSeeOther, a.status, a.body)
			require.True(t, strings.HasPrefix(a.header.Get("Location"), callback+"?"))
			q := a.location(t)
			require.Equal(t, tt.want, q.Get("error"))
			require.NotEmpty(t, q.Get("error_description"))
			require.Equal(t, "s t&a=t/e", q.Get("state"))
			require.Equal(t, rg.auth, q.Get("iss"))
			require.Empty(t, q.Get("code"))
		})
	}
}

func TestSignIn(t *testing.T) {
	rg := newRig(t)
	page := rg.authorizeAt(t, rg.auth+"/authorize", authorization("login_hint", `<b>"al`))
	require.Equal(t, http.StatusOK, page.status)
	csp := page.header.Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	require.Contains(t, csp, "frame-ancestors 'none'")
	require.Contains(t, csp, "form-action 'self' "+appOrigin)
	require.NotContains(t, csp, "unsafe")
	require.NotContains(t, page.body, "<script")
	require.Contains(t, page.body, `value="&lt;b&gt;&#34;al"`)
	require.Contains(t, page.body, `<label for="password">`)

	f := form(t, page)
	wrong := rg.post(t, rg.auth+signInPath, with(f, "password", "nope"), nil)
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	require.Contains(t, wrong.body, `role="alert"`)
	unknown := rg.post(t, rg.auth+signInPath, with(f, "username", "mallory"), nil)
	require.Equal(t, http.StatusUnauthorized, unknown.status)

	a := rg.post(t, rg.auth+signInPath, f, nil)
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, rg.auth, a.location(t).Get("iss"))
	require.Equal(t, "s t&a=t/e", a.location(t).Get("state"))
	require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"))
	cookie := a.header.Get("Set-Cookie")
	require.Contains(t, cookie, "devidp_session=")
	for _, attribute := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		require.Contains(t, cookie, attribute)
	}
	require.NotContains(t, cookie, "Domain")
	require.Equal(t, 1, rg.Stats().SignIns)
	require.Equal(t, 2, rg.Stats().SignInFailures)

	require.Equal(t, http.StatusBadRequest, rg.post(t, rg.auth+signInPath, f, nil).status, "a form works once")
}

func TestSignInFormRefuses(t *testing.T) {
	tests := []struct {
		name string
		send func(*testing.T, *rig, url.Values) answer
	}{
		{"another browser", func(t *testing.T, rg *rig, f url.Values) answer {
			rg.browser = newBrowser(t)
			return rg.post(t, rg.auth+signInPath, f, nil)
		}},
		{"another origin of the same site", func(t *testing.T, rg *rig, f url.Values) answer {
			return rg.post(t, rg.auth+signInPath, f, header{"Sec-Fetch-Site": "same-site", "Origin": appOrigin})
		}},
		{"another origin, old browser", func(t *testing.T, rg *rig, f url.Values) answer {
			return rg.post(t, rg.auth+signInPath, f, header{"Origin": appOrigin})
		}},
		{"unknown transaction", func(t *testing.T, rg *rig, f url.Values) answer {
			return rg.post(t, rg.auth+signInPath, with(f, "transaction", "x"), nil)
		}},
		{"too late", func(t *testing.T, rg *rig, f url.Values) answer {
			rg.clock.advance(transactionTTL)
			return rg.post(t, rg.auth+signInPath, f, nil)
		}},
		{"JSON", func(t *testing.T, rg *rig, f url.Values) answer {
			return rg.post(t, rg.auth+signInPath, f, header{"Content-Type": "application/json"})
		}},
		{"a huge body", func(t *testing.T, rg *rig, f url.Values) answer {
			return rg.post(t, rg.auth+signInPath, with(f, "x", strings.Repeat("x", maxForm)), nil)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg := newRig(t)
			f := form(t, rg.authorizeAt(t, rg.auth+"/authorize", authorization()))
			a := tt.send(t, rg, f)
			require.Equal(t, http.StatusBadRequest, a.status)
			require.Empty(t, a.header.Get("Location"))
			require.Zero(t, rg.Stats().SignIns)
		})
	}
}

func TestSignInCancelled(t *testing.T) {
	rg := newRig(t)
	f := form(t, rg.authorizeAt(t, rg.auth+"/authorize", authorization()))
	a := rg.post(t, rg.auth+signInPath, with(f, "action", "cancel", "username", "-", "password", "-"), nil)
	require.Equal(t, "access_denied", a.location(t).Get("error"))
}

func TestSessionAnswersWithoutForm(t *testing.T) {
	rg := newRig(t)
	rg.signInAt(t, rg.auth+"/authorize")
	tests := []struct {
		name     string
		pairs    []string
		advance  time.Duration
		wantForm bool
	}{
		{"no prompt", nil, 0, false},
		{"prompt none", []string{"prompt", "none"}, 0, false},
		{"prompt consent", []string{"prompt", "consent"}, 0, false},
		{"max_age kept", []string{"max_age", "60"}, 0, false},
		{"prompt login", []string{"prompt", "login"}, 0, true},
		{"prompt select_account", []string{"prompt", "select_account"}, 0, true},
		{"max_age exceeded", []string{"max_age", "60"}, time.Minute + time.Second, true},
		{"session over", nil, defaultSessionTTL, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg.clock.advance(tt.advance)
			a := rg.authorizeAt(t, rg.auth+"/authorize", authorization(tt.pairs...))
			if tt.wantForm {
				require.Equal(t, http.StatusOK, a.status)
				return
			}
			require.Equal(t, http.StatusSeeOther, a.status)
			require.NotEmpty(t, a.location(t).Get("code"))
		})
	}
}

func TestEndSessionsSignsBrowsersOut(t *testing.T) {
	rg := newRig(t)
	rg.signInAt(t, rg.auth+"/authorize")
	require.Equal(t, 1, rg.EndSessions())
	a := rg.authorizeAt(t, rg.auth+"/authorize", authorization("prompt", "none"))
	require.Equal(t, "login_required", a.location(t).Get("error"))
}

func TestPromptNoneMayBeFramedByTheApp(t *testing.T) {
	rg := newRig(t)
	a := rg.authorizeAt(t, rg.auth+"/authorize", authorization("prompt", "none"))
	require.Contains(t, a.header.Get("Content-Security-Policy"), "frame-ancestors 'self' "+appOrigin+" "+vaultOrigin)
	require.Empty(t, a.header.Get("X-Frame-Options"))
}

// The Ping SDK goes on to a sign-in page only for the sentences it knows.
func TestLoginRequiredSpeaksPing(t *testing.T) {
	rg := newRig(t)
	plain := rg.authorizeAt(t, rg.auth+"/authorize", authorization("prompt", "none"))
	require.Contains(t, plain.location(t).Get("error_description"), "User authentication is required")
	am := rg.authorizeAt(t, rg.auth+pingAMOAuth+"/authorize", authorization("prompt", "none"))
	require.Equal(t, "The request requires some interaction that is not allowed.", am.location(t).Get("error_description"))
	require.Equal(t, rg.auth+pingAMOAuth, am.location(t).Get("iss"))
}

func TestAuthorizeByPost(t *testing.T) {
	rg := newRig(t)
	require.Equal(t, http.StatusOK, rg.post(t, rg.auth+"/authorize", authorization(), nil).status)
}

func TestRedirectURIKeepsItsQuery(t *testing.T) {
	rg := newRig(t)
	f := form(t, rg.authorizeAt(t, rg.auth+"/authorize", authorization("redirect_uri", callbackTwo, "state", "-")))
	a := rg.post(t, rg.auth+signInPath, f, nil)
	require.True(t, strings.HasPrefix(a.header.Get("Location"), callbackTwo+"&"), a.header.Get("Location"))
	require.False(t, a.location(t).Has("state"))
}

func TestAuthorizeHasNoCORS(t *testing.T) {
	rg := newRig(t)
	a := rg.get(t, rg.auth+"/authorize?"+authorization("prompt", "none").Encode(), header{"Origin": appOrigin})
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
}

func TestAssets(t *testing.T) {
	rg := newRig(t)
	require.Equal(t, "text/css; charset=utf-8", rg.get(t, rg.auth+stylePath, nil).header.Get("Content-Type"))
	require.Equal(t, "image/svg+xml", rg.get(t, rg.auth+iconPath, nil).header.Get("Content-Type"))
}

// Over https the cookie has the prefix that keeps a sibling host from setting it.
func TestCookiesOverHTTPS(t *testing.T) {
	s, err := New(Options{Issuer: "https://localhost:8443", APIOrigin: "https://localhost:8444"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(s.sessionCookie(), "__Host-"))
	require.True(t, s.secure())
}
