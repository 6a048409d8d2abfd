package devidp

import "time"

// IssuedToken is a secret that left the server. A code counts as one.
type IssuedToken struct {
	Kind     TokenKind
	Value    string
	ClientID string
	Subject  string
	Issuer   string
	Scope    string
	Resource string // of an access token: what it is for (RFC 8707)
	Verifier string // of a code: the code_verifier that came with it (RFC 7636)
	JKT      string // thumbprint of the key it is bound to (RFC 9449); empty for a bearer token
	Issued   time.Time
	Expires  time.Time
	Active   bool // not used up, not revoked, not expired
}

// Issued returns every token and code ever issued, oldest first: what a canary test
// has to look for. (It remembers the latest 65536.)
func (s *Server) Issued() []IssuedToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	out := make([]IssuedToken, 0, len(s.ledger.records))
	for _, r := range s.ledger.records {
		out = append(out, IssuedToken{
			Kind: r.kind, Value: r.value, ClientID: r.grant.client, Subject: r.grant.subject,
			Issuer: r.grant.issuer.url, Scope: r.scope, Resource: r.resource, Verifier: r.verifier, JKT: r.jkt,
			Issued: r.issued, Expires: r.expires, Active: r.active(now),
		})
	}
	return out
}

// ExpireAccess makes every live access token an expired one, whatever its exp says,
// and returns their number. Clients do not know until the API answers 401.
func (s *Server) ExpireAccess() int { return s.endActive(AccessToken, stateExpired) }

// RevokeAccess revokes every live access token and returns their number.
func (s *Server) RevokeAccess() int { return s.endActive(AccessToken, stateRevoked) }

// ExpireRefresh makes every live refresh token an expired one and returns their
// number.
func (s *Server) ExpireRefresh() int { return s.endActive(RefreshToken, stateExpired) }

func (s *Server) endActive(kind TokenKind, state tokenState) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.endActive(kind, state, s.now())
}

// SetAccessTTL changes the lifetime of access tokens issued from now on.
func (s *Server) SetAccessTTL(ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.AccessTTL = ttl
}

// EndSessions signs every browser out and returns their number. Tokens stay.
func (s *Server) EndSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.clear()
}

// Stats count what happened since the start.
type Stats struct {
	SignIns        int // forms that succeeded
	SignInFailures int
	SignOuts       int
	Authorizations int // codes issued
	Pushes         int // authorization requests that were pushed
	Proofs         int // DPoP proofs that were seen, without replays
	Exchanges      int // codes redeemed
	Refreshes      int // refresh tokens redeemed
	TokenErrors    int // refusals of the token endpoint
	CodeReplays    int
	ReuseDetected  int // used refresh tokens that came back
	RevokedAccess  int
	RevokedRefresh int
	RevokedUnknown int // revocations of tokens that were never issued
	UserInfos      int
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
