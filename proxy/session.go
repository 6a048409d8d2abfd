package proxy

import (
	"errors"
	"strconv"
	"time"

	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// session is what the vault holds for one client: the tokens of its last token
// response. It is immutable; a refresh makes a new one.
type session struct {
	// generation tells the token responses of this client apart, so that a frame
	// which waited for a lock sees that another has renewed the tokens meanwhile.
	// It begins with the time of the sign-in and counts up.
	generation uint64

	access, refresh, id secret.String

	// expiresAt is the zero time when the server did not say expires_in.
	expiresAt time.Time
	// lifetime is what expires_in said.
	lifetime time.Duration
	// reply is the token response as the app received it: redacted.
	reply string
	// claims are those of the id_token that the app may know, a JSON object. They are of
	// the sign-in; "" for one that the app has made.
	claims string
}

// alive reports whether the access token can be used now.
func (s *session) alive(now time.Time) bool {
	return !s.access.IsZero() && (s.expiresAt.IsZero() || now.Before(s.expiresAt))
}

// fresh reports whether the access token can be used and need not be renewed
// yet. A server that issues tokens for less than twice refreshBefore would else
// be asked for a new one with each request, so half the lifetime bounds it.
func (s *session) fresh(now time.Time, refreshBefore time.Duration) bool {
	if half := s.lifetime / 2; refreshBefore > half && half > 0 {
		refreshBefore = half
	}
	return s.alive(now) && (s.expiresAt.IsZero() || now.Add(refreshBefore).Before(s.expiresAt))
}

// usable reports whether a request can get a token, by renewing it if need be.
func (s *session) usable(now time.Time) bool {
	return s.alive(now) || !s.refresh.IsZero()
}

// sessionFormat is the first field of an encoded session.
const sessionFormat = "session-1"

var errBadRecord = errors.New("the stored session is not one of this version")

// encode writes the session for the store; the caller seals it.
func (s *session) encode() []byte {
	expires := ""
	if !s.expiresAt.IsZero() {
		expires = strconv.FormatInt(s.expiresAt.UnixMilli(), 10)
	}
	return protocol.Pack(nil,
		sessionFormat,
		strconv.FormatUint(s.generation, 10),
		s.access.Expose(),  // EXPOSE: sealed before it is stored
		s.refresh.Expose(), // EXPOSE: sealed before it is stored
		s.id.Expose(),      // EXPOSE: sealed before it is stored
		expires,
		strconv.FormatInt(s.lifetime.Milliseconds(), 10),
		s.reply,
		s.claims,
	)
}

func decodeSession(record []byte) (*session, error) {
	fields, err := protocol.Unpack(record)
	if err != nil || len(fields) != 9 || fields[0] != sessionFormat {
		return nil, errBadRecord
	}
	s := &session{
		access:  secret.New(fields[2]),
		refresh: secret.New(fields[3]),
		id:      secret.New(fields[4]),
		reply:   fields[7],
		claims:  fields[8],
	}
	generation, ok1 := number(fields[1])
	lifetime, ok2 := number(fields[6])
	if !ok1 || !ok2 {
		return nil, errBadRecord
	}
	s.generation = uint64(generation)
	s.lifetime = time.Duration(lifetime) * time.Millisecond
	if fields[5] != "" {
		ms, ok := number(fields[5])
		if !ok {
			return nil, errBadRecord
		}
		s.expiresAt = time.UnixMilli(ms)
	}
	return s, nil
}

// number reads up to 18 decimal digits. The errors of strconv.ParseInt quote what
// they could not read, and their texts are 10 KB.
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
