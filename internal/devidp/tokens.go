package devidp

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	codeTTL    = time.Minute
	idTokenTTL = 5 * time.Minute

	typeAccess = "at+jwt" // RFC 9068 section 2.1
	typeID     = "JWT"

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
	DevelopmentUse bool             `json:"development_only"`
}

// idClaims are those of OpenID Connect Core section 2.
type idClaims struct {
	jwt.RegisteredClaims
	Nonce           string           `json:"nonce,omitempty"`
	AuthTime        *jwt.NumericDate `json:"auth_time"`
	AccessTokenHash string           `json:"at_hash"`
	ACR             string           `json:"acr"`
	AMR             []string         `json:"amr"`
	AuthorizedParty string           `json:"azp"`
	Session         string           `json:"sid"`
	profileClaims
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
func (s *Server) issueCode(g *grant, redirectURI, challenge string) string {
	now := s.now()
	code := randomValue(codeBytes)
	s.ledger.add(&record{
		kind: CodeToken, value: code, grant: g, scope: g.scope, issued: now, expires: now.Add(codeTTL),
		redirectURI: redirectURI, challenge: challenge,
	})
	s.stats.Authorizations++
	return code
}

// issueAccess makes an access token. The caller holds s.mu.
func (s *Server) issueAccess(g *grant, a Account, scope string) (string, error) {
	now := s.now()
	expires := now.Add(s.options.AccessTTL)
	value, err := s.keys.sign(typeAccess, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    g.issuer.url,
			Subject:   g.subject,
			Audience:  jwt.ClaimStrings{s.options.APIOrigin, userInfoAudience(g.issuer)},
			ExpiresAt: wholeSeconds(expires),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        randomValue(16),
		},
		ClientID: g.client, Scope: scope, AuthTime: jwt.NewNumericDate(g.authTime),
		ACR: "urn:devidp:password", AMR: []string{"pwd"}, Session: g.session,
		Name: a.Name, Username: a.Username,
		Roles:          []string{"customer", "reader", "editor"},
		Groups:         []string{"everyone", "engineering", "wonderland"},
		Entitlements:   []string{"items:read", "items:write", "files:read", "profile:read"},
		DevelopmentUse: true,
	})
	if err != nil {
		return "", err
	}
	s.ledger.add(&record{kind: AccessToken, value: value, grant: g, scope: scope, issued: now, expires: expires})
	return value, nil
}

// issueID makes the id_token that goes with an access token. A refresh has no nonce
// of its own (OpenID Connect Core section 12.2). The caller holds s.mu.
func (s *Server) issueID(g *grant, a Account, access, nonce string) (string, error) {
	now := s.now()
	expires := now.Add(idTokenTTL)
	hash := sha256.Sum256([]byte(access))
	value, err := s.keys.sign(typeID, idClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    g.issuer.url,
			Subject:   g.subject,
			Audience:  jwt.ClaimStrings{g.client},
			ExpiresAt: wholeSeconds(expires),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        randomValue(16), // two in one second differ
		},
		Nonce:           nonce,
		AuthTime:        jwt.NewNumericDate(g.authTime),
		AccessTokenHash: base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2]),
		ACR:             "urn:devidp:password", AMR: []string{"pwd"},
		AuthorizedParty: g.client, Session: g.session,
		profileClaims: profileOf(a, g.scope),
	})
	if err != nil {
		return "", err
	}
	s.ledger.add(&record{kind: IDToken, value: value, grant: g, scope: g.scope, issued: now, expires: expires})
	return value, nil
}

// issueRefresh makes an opaque refresh token. The caller holds s.mu.
func (s *Server) issueRefresh(g *grant) string {
	now := s.now()
	value := randomValue(refreshBytes)
	s.ledger.add(&record{
		kind: RefreshToken, value: value, grant: g, scope: g.scope, issued: now, expires: now.Add(s.options.RefreshTTL),
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
