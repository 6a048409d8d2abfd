package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	s := newSite(t,
		func(o *demo.Options) { o.AccessTTL = 8 * time.Second },
		mainClient(func(c *demo.Client) { c.RefreshBefore = "6s" })) // the vault makes it half of the lifetime
	p := s.signInWithOIDC()
	for s.IDP.Stats().Refreshes == 0 {
		s.mustServe(p)
	}
	s.mustServe(p)
	refresh := s.waitRequest(func(r devidp.Request) bool {
		return r.Path == "/token" && !r.Time.Before(s.firstAccess().Issued.Add(time.Second))
	})
	assert.True(t, refresh.Time.Before(s.firstAccess().Expires), "renewed at %s, too late for %s", refresh.Time, s.firstAccess().Expires)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	for _, call := range s.calls() {
		assert.Equal(t, 200, call.Status, "the API saw no dead token")
	}
	s.canary(p)
}

// firstAccess is the first access token that was issued.
func (s *site) firstAccess() devidp.IssuedToken {
	s.t.Helper()
	for _, token := range s.IDP.Issued() {
		if token.Kind == devidp.AccessToken {
			return token
		}
	}
	s.t.Fatal("no access token was issued")
	return devidp.IssuedToken{}
}

func TestRefusedTokenIsRenewedAndTheRequestRepeated(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(*site) int
	}{
		{"revoked", func(s *site) int { return s.IDP.RevokeAccess() }},
		{"expired at the server alone", func(s *site) int { return s.IDP.ExpireAccess() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.signInWithOIDC()
			record(p)
			require.Equal(t, 1, tc.end(s))
			s.IDP.ClearRequests()

			s.mustServe(p)

			var statuses []int
			for _, call := range s.calls() {
				statuses = append(statuses, call.Status)
			}
			assert.Equal(t, []int{401, 200}, statuses)
			p.until(`window.events.join() === "refreshed main"`)

			require.Equal(t, 1, tc.end(s))
			body := "a body that is sent twice"
			digest := eval[string](p, `
				const response = await fetch(`+js(s.APIURL+"/v1/upload")+`, { method: "POST", body: `+js(body)+` });
				return JSON.stringify(await response.json())`)
			assert.Contains(t, digest, hash(body))
			assert.Equal(t, 2, s.IDP.Stats().Refreshes)
			s.canary(p)
		})
	}
}

func TestOtherRefusalsAreTheAPIsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	for _, path := range []string{"/v1/status/401", "/v1/status/401?error=insufficient_scope", "/v1/status/403?error=invalid_token"} {
		got := eval[reply](p, `return `+asking(s.APIURL+path, `{}`))
		assert.Empty(t, got.Error, path)
		assert.Contains(t, path, js(got.Status), path)
	}
	assert.Zero(t, s.IDP.Stats().Refreshes)
	assert.True(t, has(p))
	s.canary(p)
}

func TestServerWithoutRotationKeepsTheRefreshToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		kind devidp.FaultKind
	}{
		{"the reply repeats it", devidp.FaultNoRotation},
		{"the reply has none", devidp.FaultOmitRefresh},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.signInWithOIDC()
			s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: tc.kind})
			for range 2 {
				require.Equal(t, 1, s.IDP.RevokeAccess())
				s.mustServe(p)
			}
			assert.Equal(t, 2, s.IDP.Stats().Refreshes)
			assert.Equal(t, 1, s.count(devidp.RefreshToken))
			assert.Zero(t, s.IDP.Stats().ReuseDetected)
			s.canary(p)
		})
	}
}

func TestRefreshThatFailsKeepsTheTokens(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault devidp.Fault
		code  string
	}{
		{"no connection", devidp.Fault{Kind: devidp.FaultDrop}, "refresh_failed"},
		{"error of the server", devidp.Fault{Kind: devidp.FaultStatus, Status: 503}, "refresh_failed"},
		{"no token response", devidp.Fault{Kind: devidp.FaultGarbage}, "invalid_token_response"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.signInWithOIDC()
			record(p)
			require.Equal(t, 1, s.IDP.RevokeAccess())
			tc.fault.Endpoint = devidp.EndpointRefresh
			s.IDP.SetFaults(tc.fault)

			got := s.ask(p)
			assert.Equal(t, reply{Status: 502, Error: tc.code, Message: got.Message}, got)
			assert.NotEmpty(t, got.Message)
			assert.Equal(t, tc.code, eval[string](p, `return tokenvault.refresh("main").then(() => "", (error) => error.code)`))
			assert.True(t, has(p), "the tokens are kept")

			s.IDP.SetFaults()
			s.mustServe(p)
			p.until(`window.events.join() === "refreshed main"`)
			s.canary(p)
		})
	}
}

// The access token is over by the vault's own clock, so the request waits for a
// refresh and never goes out.
func TestRefreshThatFailsForAnExpiredTokenIsANetworkFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) { o.AccessTTL = 2 * time.Second })
	p := s.signInWithOIDC()
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultDrop})
	untilExpired(p)
	s.IDP.ClearRequests()

	got := s.ask(p)
	assert.Equal(t, "TypeError", got.Thrown, "%+v", got)
	assert.Empty(t, s.calls(), "the request went out without a token")
	assert.True(t, has(p))

	s.IDP.SetFaults()
	s.IDP.SetAccessTTL(time.Minute)
	s.mustServe(p)
	s.canary(p)
}

// untilExpired waits for the access token to expire by the clock of the browser.
func untilExpired(p *tab) {
	p.t.Helper()
	eval[any](p, `window.expiresAt = (await tokenvault.status("main")).expiresAt ?? 0`)
	p.until(`Date.now() > window.expiresAt`)
}

// deathsOfTokens are the ways in which access tokens end while a page is open: the
// vault knows it beforehand, or the API says so. end returns when they have.
var deathsOfTokens = []struct {
	name    string
	refused bool          // by the API; the vault's own clock says otherwise
	ttl     time.Duration // for newSite
	end     func(*site, *tab)
}{
	{"expired by the clock", false, 3 * time.Second, func(_ *site, p *tab) { untilExpired(p) }},
	{"refused by the API", true, time.Minute, func(s *site, _ *tab) { s.IDP.ExpireAccess() }},
}

func TestRefusedRefreshEndsTheSession(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(*site)
	}{
		{"invalid_grant", func(s *site) {
			s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultInvalidGrant})
		}},
		{"expired refresh token", func(s *site) { s.IDP.ExpireRefresh() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.signInWithOIDC()
			record(p)
			s.IDP.RevokeAccess()
			tc.end(s)

			got := s.ask(p)
			assert.Equal(t, reply{Status: 400, Error: "session_expired", Message: got.Message}, got)
			assert.NotEmpty(t, got.Message)
			p.until(`window.events.join() === "signedout main"`)
			assert.False(t, has(p))
			s.mustRefuse(p, 400, "not_signed_in")

			s.IDP.SetFaults()
			s.signInAgain(p)
			s.mustServe(p)
			s.canary(p)
		})
	}
}

func TestDeadTokenWithoutARefreshTokenAsksForASignIn(t *testing.T) {
	t.Parallel()
	for _, tc := range deathsOfTokens {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, func(o *demo.Options) { o.AccessTTL = tc.ttl })
			s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultOmitRefresh})
			other := s.open("/e2e/blank.html")
			record(other)
			p := s.signInWithOIDC()
			s.mustServe(p)
			record(p)
			assert.Zero(t, s.count(devidp.RefreshToken))
			if tc.refused {
				s.mustServe(other) // it has the token in memory now
			}
			tc.end(s, p)

			got := s.ask(p)
			assert.Equal(t, reply{Status: 400, Error: "session_expired", Message: got.Message}, got)
			assert.NotEmpty(t, got.Message)
			for _, tab := range []*tab{p, other} {
				assert.False(t, has(tab), "in every tab")
				if tc.refused {
					tab.until(`window.events.filter((event) => event !== "signedin main").join() === "signedout main"`)
					s.mustRefuse(tab, 400, "not_signed_in")
				}
			}

			s.IDP.SetFaults()
			s.IDP.SetAccessTTL(time.Minute)
			s.signInAgain(p)
			s.mustServe(p)
			s.canary(p)
		})
	}
}
