package proxy

import (
	"time"

	"tokenvault/internal/jsontext"
	"tokenvault/internal/policy"
	"tokenvault/internal/secret"
)

// maxLifetime bounds expires_in, so that no sum of times overflows.
const maxLifetime = 10 * 365 * 24 * time.Hour

// readTokenReply reads a successful answer of a token endpoint (RFC 6749 §5.1)
// to a request for a token with this indicator, and returns the session it makes,
// with the body that the app may see. Of the session before are kept the refresh
// token, if the server sent no new one (§6), and the tokens with other indicators.
func readTokenReply(body []byte, client *policy.Client, indicator string, before *session, now time.Time) (*session, error) {
	list, err := jsontext.Members(body)
	if err != nil {
		return nil, errBadTokenReply
	}
	// Generations of one sign-in count up; those of the next begin elsewhere.
	next := &session{generation: uint64(now.UnixMilli())}
	next.indicator = indicator
	if before != nil {
		*next = *before
		next.generation++
	}
	token := &grant{indicator: indicator, since: next.generation}
	kind := "bearer"
	var named []string // every value under a name to redact
	for _, m := range list {
		text, _ := m.Text(body)
		if contains(client.Redact, m.Name) {
			named = append(named, text)
		}
		if !m.Outer {
			continue
		}
		switch m.Name {
		case "access_token", "refresh_token", "id_token":
			if !printable(text) {
				return nil, errBadTokenReply
			}
		}
		switch m.Name {
		case "access_token":
			token.access = secret.New(text)
		case "refresh_token":
			if text != "" {
				next.refresh = secret.New(text)
			}
		case "id_token":
			// Where the vault signs in, it has checked the id_token of the sign-in, and
			// needs no other.
			if text != "" && (before == nil || !client.OwnsSignIn()) {
				next.id = secret.New(text)
			}
		case "token_type":
			kind = lower(text)
		case "expires_in":
			if seconds, ok := m.Seconds(body, int64(maxLifetime/time.Second)); ok {
				token.lifetime = time.Duration(seconds) * time.Second
				token.expiresAt = now.Add(token.lifetime)
			}
		}
	}
	switch {
	case token.access.IsZero():
		return nil, errBadTokenReply
	case client.DPoP && kind != "dpop":
		return nil, errNotBound
	case !client.DPoP && kind != "bearer":
		return nil, errBadTokenReply
	}
	next.take(token)
	if indicator != next.indicator {
		return next, nil // the app sees the tokens of the sign-in only
	}
	// By name, then by value: a server that repeats a token under another name
	// does not give it away.
	redacted := redactMembers(body, list, client.Redact)
	next.reply = newScrubber(append(next.hidden(client.Redact), named...)).text(string(redacted))
	return next, nil
}

// printable reports whether text can be a token (RFC 6749 appendix A: VSCHAR).
// Anything else would break the header that carries it.
func printable(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}

// redactMembers replaces the values of the named members, at any depth, and only
// those bytes.
func redactMembers(body []byte, list []jsontext.Member, names []string) []byte {
	out := make([]byte, 0, len(body))
	from := 0
	for _, m := range list {
		if m.Start < from || !contains(names, m.Name) || m.IsNull(body) {
			continue
		}
		out = append(out, body[from:m.Start]...)
		out = append(out, '"')
		out = append(out, secret.Redacted...)
		out = append(out, '"')
		from = m.End
	}
	return append(out, body[from:]...)
}

// redactError hides tokens in an answer that is no success, whatever it is.
func redactError(body []byte, redact []string) []byte {
	list, err := jsontext.Members(body)
	if err != nil {
		return body
	}
	return redactMembers(body, list, redact)
}

// hidden lists the values that the app may not see. The id_token is among them
// only if the configuration redacts it.
func (s *session) hidden(redact []string) []string {
	values := []string{s.refresh.Expose()} // EXPOSE: the scrubber searches for it
	for _, token := range s.tokens() {
		values = append(values, token.access.Expose()) // EXPOSE: the scrubber searches for it
	}
	if contains(redact, "id_token") {
		values = append(values, s.id.Expose()) // EXPOSE: the scrubber searches for it
	}
	return values
}
