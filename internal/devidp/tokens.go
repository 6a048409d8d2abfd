package devidp

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	codeTTL = time.Minute

	typeAccess = "at+jwt" // RFC 9068 section 2.1

	codeBytes    = 32
	refreshBytes = 48
)

// accessClaims are those of RFC 9068. The roles and entitlements are there to give
// the token the size that tokens have in the field.
type accessClaims struct {
	jwt.RegisteredClaims
	ClientID       string           `json:"client_id"`
	Scope          string           `json:"scope"`
	AuthTime       *jwt.NumericDate `json:"auth_time"`
	ACR            string           `json:"acr"`
	AMR            []string         `json:"amr"`
	Session        string           `json:"sid"`
	Name           string           `json:"name"`
	Username       string           `json:"preferred_username"`
	Roles          []string         `json:"roles"`
	Groups         []string         `json:"groups"`
	Entitlements   []string         `json:"entitlements"`
	Confirmation   *confirmation    `json:"cnf,omitempty"`
	DevelopmentUse bool             `json:"development_only"`
}

// confirmation binds a token to a key (RFC 9449 section 6.1).
type confirmation struct {
	Thumbprint string `json:"jkt"`
}

// profileClaims are what scopes say about the person, here and in UserInfo.
type profileClaims struct {
	Name          string `json:"name,omitempty"`
	Username      string `json:"preferred_username,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
}

func profileOf(a Account, scope string) profileClaims {
	var p profileClaims
	if hasScope(scope, "profile") {
		p.Name, p.Username = a.Name, a.Username
	}
	if hasScope(scope, "email") {
		p.Email, p.EmailVerified = a.Email, true
	}
	return p
}

// issueCode makes the one-time code of a grant. The caller holds s.mu.
func (s *Server) issueCode(g *grant, q authorizationRequest) string {
	now := s.now()
	code := randomValue(codeBytes)
	s.ledger.add(&record{
		kind: CodeToken, value: code, grant: g, scope: g.scope, issued: now, expires: now.Add(codeTTL),
		jkt: q.jkt, redirectURI: q.redirectURI, challenge: q.challenge,
	})
	s.stats.Authorizations++
	return code
}

// issueAccess makes an access token for one resource. The caller holds s.mu.
func (s *Server) issueAccess(g *grant, a Account, scope, resource string) (string, error) {
	now := s.now()
	expires := now.Add(s.options.AccessTTL)
	audience := jwt.ClaimStrings{resource}
	if resource == s.options.APIOrigin {
		audience = append(audience, userInfoAudience(g.issuer))
	}
	var bound *confirmation
	if g.jkt != "" {
		bound = &confirmation{g.jkt}
	}
	value, err := s.keys.access().sign(typeAccess, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    g.issuer.url,
			Subject:   g.subject,
			Audience:  audience,
			ExpiresAt: wholeSeconds(expires),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        randomValue(16),
		},
		ClientID: g.client, Scope: scope, AuthTime: jwt.NewNumericDate(g.authTime),
		ACR: g.acr, AMR: methodsOf(g.acr), Session: g.session, Confirmation: bound,
		Name: a.Name, Username: a.Username,
		Roles:          []string{"customer", "reader", "editor"},
		Groups:         []string{"everyone", "engineering", "wonderland"},
		Entitlements:   []string{"items:read", "items:write", "files:read", "profile:read"},
		DevelopmentUse: true,
	})
	if err != nil {
		return "", err
	}
	s.ledger.add(&record{
		kind: AccessToken, value: value, grant: g, scope: scope, issued: now, expires: expires,
		jkt: g.jkt, resource: resource,
	})
	return value, nil
}

// issueRefresh makes an opaque refresh token. The caller holds s.mu.
func (s *Server) issueRefresh(g *grant) string {
	now := s.now()
	value := randomValue(refreshBytes)
	s.ledger.add(&record{
		kind: RefreshToken, value: value, grant: g, scope: g.scope, issued: now, expires: now.Add(s.options.RefreshTTL),
		jkt: g.jkt,
	})
	return value
}

// wholeSeconds rounds up: exp has whole seconds, and a token must not die before
// the expires_in that came with it. The ledger keeps the exact time.
func wholeSeconds(t time.Time) *jwt.NumericDate {
	return jwt.NewNumericDate(t.Add(time.Second - time.Nanosecond).Truncate(time.Second))
}

func userInfoAudience(is issuer) string { return is.url + is.layout().userInfo }

func hasScope(scope, name string) bool { return slices.Contains(strings.Fields(scope), name) }

// isScope says whether s is scope-token *( SP scope-token ) of RFC 6749 section 3.3.
func isScope(s string) bool {
	for name := range strings.SplitSeq(s, " ") {
		if name == "" {
			return false
		}
		for i := range len(name) {
			if c := name[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
				return false
			}
		}
	}
	return true
}
