package proxy

import (
	"errors"
	"strconv"
	"time"

	"tokenvault/internal/idtoken"
	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// session is what the vault holds for one client: the tokens of a sign-in and of the
// token responses since. It is immutable; a refresh makes a new one.
type session struct {
	// generation tells the token responses of this client apart, so that a frame
	// which waited for a lock sees that another has renewed the tokens meanwhile.
	// It begins with the time of the sign-in and counts up.
	generation uint64

	grant           // the one of the sign-in
	others []*grant // one for each other resource that needed one

	refresh, id secret.String
	// reply is the token response as the app received it: redacted.
	reply string
	// claims are those of the id_token that the app may know, a JSON object. They are of
	// the sign-in; "" for one that the app has made.
	claims string
}

// grant is an access token for those resources that have its indicator.
type grant struct {
	indicator string // that it was asked for with (RFC 8707), "" for none
	since     uint64 // the generation that it came with
	access    secret.String
	// expiresAt is the zero time when the server did not say expires_in.
	expiresAt time.Time
	// lifetime is what expires_in said.
	lifetime time.Duration
}

// tokens lists the access tokens, that of the sign-in first.
//
//go:noinline
func (s *session) tokens() []*grant {
	return append([]*grant{&s.grant}, s.others...)
}

// token returns the access token for an indicator; one that is not alive for none.
//
//go:noinline
func (s *session) token(indicator string) *grant {
	for _, token := range s.tokens() {
		if token.indicator == indicator {
			return token
		}
	}
	return &grant{}
}

// take puts a token in the place of the one with its indicator.
func (s *session) take(token *grant) {
	if token.indicator == s.indicator {
		s.grant = *token
		return
	}
	others := []*grant{token}
	for _, other := range s.others {
		if other.indicator != token.indicator {
			others = append(others, other)
		}
	}
	s.others = others
}

// alive reports whether the access token can be used now.
func (t *grant) alive(now time.Time) bool {
	return !t.access.IsZero() && (t.expiresAt.IsZero() || now.Before(t.expiresAt))
}

// fresh reports whether the access token can be used and need not be renewed
// yet. A server that issues tokens for less than twice refreshBefore would else
// be asked for a new one with each request, so half the lifetime bounds it.
func (t *grant) fresh(now time.Time, refreshBefore time.Duration) bool {
	if half := t.lifetime / 2; refreshBefore > half && half > 0 {
		refreshBefore = half
	}
	return t.alive(now) && (t.expiresAt.IsZero() || now.Add(refreshBefore).Before(t.expiresAt))
}

// usable reports whether a request can get a token, by renewing it if need be.
func (s *session) usable(now time.Time) bool {
	return s.alive(now) || !s.refresh.IsZero()
}

// ownerOf says whose the sessions of a client are: of this client_id, at this
// authorization server, signed in by the app or by the vault. A deployment that changes
// one of these under the same name has another client: nothing of the one before may go
// to its server or its resources, and nobody whom a script of the app has signed in is
// to be taken for one whom the vault did. A server is its issuer, wherever it moves its
// endpoints; without one, its token endpoint.
func ownerOf(client *policy.Client) []byte {
	server, mode := client.Issuer, "app"
	if server == "" {
		server = client.Token.URL()
	}
	if client.OwnsSignIn() {
		mode = "vault"
	}
	return protocol.Pack(nil, server, client.ID, mode)
}

// sessionFormat is the first field of an encoded session.
const sessionFormat = "session-2"

const (
	sessionFields = 6 // before those of the tokens
	tokenFields   = 5
)

var errBadRecord = errors.New("the stored session is not one of this version")

// sameAccount reports whether two sessions of a client are of one user, as far as their
// id_tokens tell: without them nobody knows.
func sameAccount(a, b *session) bool {
	first, err := idtoken.Parse(a.id.Expose()) // EXPOSE: its subject is compared
	if err != nil {
		return true
	}
	second, err := idtoken.Parse(b.id.Expose()) // EXPOSE: its subject is compared
	return err != nil || first.Issuer() == second.Issuer() && first.Subject() == second.Subject()
}

// encode writes the session for the store; the caller says whose it is, and seals it.
func (s *session) encode() []byte {
	record := protocol.Pack(nil,
		sessionFormat,
		strconv.FormatUint(s.generation, 10),
		s.refresh.Expose(), // EXPOSE: sealed before it is stored
		s.id.Expose(),      // EXPOSE: sealed before it is stored
		s.reply,
		s.claims,
	)
	for _, token := range s.tokens() {
		expires := ""
		if !token.expiresAt.IsZero() {
			expires = strconv.FormatInt(token.expiresAt.UnixMilli(), 10)
		}
		record = protocol.Pack(record,
			token.indicator,
			strconv.FormatUint(token.since, 10),
			token.access.Expose(), // EXPOSE: sealed before it is stored
			expires,
			strconv.FormatInt(token.lifetime.Milliseconds(), 10),
		)
	}
	return record
}

func decodeSession(record []byte) (*session, error) {
	fields, err := protocol.Unpack(record)
	if err != nil || len(fields) < sessionFields+tokenFields || len(fields)%tokenFields != sessionFields%tokenFields || fields[0] != sessionFormat {
		return nil, errBadRecord
	}
	generation, ok := number(fields[1])
	s := &session{
		generation: uint64(generation),
		refresh:    secret.New(fields[2]),
		id:         secret.New(fields[3]),
		reply:      fields[4],
		claims:     fields[5],
	}
	for rest := fields[sessionFields:]; ok && len(rest) > 0; rest = rest[tokenFields:] {
		token := &s.grant
		if len(rest) < len(fields)-sessionFields {
			token = &grant{}
			s.others = append(s.others, token)
		}
		ok = token.decode(rest)
	}
	if !ok {
		return nil, errBadRecord
	}
	return s, nil
}

// decode reads the fields of one token.
func (t *grant) decode(fields []string) bool {
	since, ok1 := number(fields[1])
	ms, ok2 := number(fields[3])
	lifetime, ok3 := number(fields[4])
	t.indicator = fields[0]
	t.since = uint64(since)
	t.access = secret.New(fields[2])
	if fields[3] == "" {
		ok2 = true
	} else {
		t.expiresAt = time.UnixMilli(ms)
	}
	t.lifetime = time.Duration(lifetime) * time.Millisecond
	return ok1 && ok2 && ok3
}

// number reads up to 18 decimal digits. The errors of strconv.ParseInt quote what
// they could not read, and their texts are 10 KB.
//
//go:noinline
func number(text string) (int64, bool) {
	if text == "" || len(text) > 18 {
		return 0, false
	}
	var value int64
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		value = value*10 + int64(text[i]-'0')
	}
	return value, true
}
