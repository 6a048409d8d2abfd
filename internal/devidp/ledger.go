package devidp

import "time"

// maxRecords bounds the ledger; beyond it the oldest secrets are forgotten, and are
// refused from then on.
const maxRecords = 1 << 16

// TokenKind says what an issued secret is for.
type TokenKind uint8

// Kinds of issued secrets.
const (
	UnknownToken TokenKind = iota
	CodeToken
	AccessToken
	RefreshToken
	IDToken
)

func (k TokenKind) String() string {
	switch k {
	case CodeToken:
		return "code"
	case AccessToken:
		return "access"
	case RefreshToken:
		return "refresh"
	case IDToken:
		return "id"
	default:
		return "unknown"
	}
}

// tokenState is the life of a secret; expiry comes on top of it.
type tokenState uint8

const (
	stateActive  tokenState = iota
	stateUsed               // a code that was redeemed, a refresh token that was rotated
	stateExpired            // ended early by ExpireAccess or ExpireRefresh
	stateRevoked
)

// grant is one sign-in's consent: everything issued from one code. Refresh token
// reuse and code replay revoke it as a whole.
type grant struct {
	client   string
	subject  string
	issuer   issuer
	scope    string
	session  string
	nonce    string
	authTime time.Time
	acr      string
	revoked  bool

	resources []string // what access tokens may be for; the first is what they are for unasked
	jkt       string   // the key that the refresh tokens, and all access tokens, are bound to; "" is none
}

// record is one secret that left the server.
type record struct {
	kind    TokenKind
	value   string
	grant   *grant
	scope   string
	issued  time.Time
	expires time.Time
	state   tokenState

	jkt      string // the key that this secret is bound to; "" is none
	resource string // what an access token is for

	// A code is bound to these as well.
	redirectURI string
	challenge   string
	verifier    string // that it was redeemed with
}

func (r *record) active(now time.Time) bool {
	return r.state == stateActive && !r.grant.revoked && now.Before(r.expires)
}

// ledger remembers every secret by its value. It is not safe for concurrent use.
type ledger struct {
	records []*record // in the order of issue
	byValue map[string]*record
}

func newLedger() ledger { return ledger{byValue: make(map[string]*record)} }

func (l *ledger) add(r *record) {
	if len(l.records) >= maxRecords {
		delete(l.byValue, l.records[0].value)
		l.records = l.records[1:]
	}
	l.records = append(l.records, r)
	l.byValue[r.value] = r
}

// find returns nil for a value that was never issued as that kind.
func (l *ledger) find(kind TokenKind, value string) *record {
	if r := l.byValue[value]; r != nil && r.kind == kind {
		return r
	}
	return nil
}

// endActive gives every active secret of one kind another state.
func (l *ledger) endActive(kind TokenKind, state tokenState, now time.Time) int {
	n := 0
	for _, r := range l.records {
		if r.kind == kind && r.active(now) {
			r.state = state
			n++
		}
	}
	return n
}
