package protocol

import "errors"

// Fetch is a request of the app as the interceptor passes it on. URL is what the
// app's side wrote; the proxy compares it with what the browser's parser made of
// it and never takes it apart itself.
type Fetch struct {
	Method, URL string
	Headers     []string // name, value, name, value, …
	Credentials string
	Redirect    string // "" is "follow"
}

// Errors of a message that no interceptor of this build sends.
var (
	ErrUnknownField = errors.New("the message has a field that this version does not know")
	ErrMissingField = errors.New("the message lacks a field")
	ErrBadField     = errors.New("a field of the message has no valid value")
)

// fetchFields lists what MessageFetch may carry, and which of it must be there.
// The fields the proxy only hands to the browser's fetch are named here too, so
// that a new one cannot slip in unseen.
var fetchFields = []struct {
	name     string
	required bool
}{
	{"v", true},
	{"type", true},
	{"id", true},
	{"method", true},
	{"url", true},
	{"headers", false},
	{"credentials", false},
	{"redirect", false},
	{"keepalive", false},
}

// DecodeFetch reads the key/value pairs of a MessageFetch of this version. A key
// that is unknown, doubled or missing is an error.
func DecodeFetch(pairs []string) (Fetch, error) {
	var fetch Fetch
	if len(pairs)%2 != 0 {
		return fetch, ErrMalformed
	}
	seen := make([]bool, len(fetchFields))
	for i := 0; i < len(pairs); i += 2 {
		known := false
		for j, field := range fetchFields {
			if field.name == pairs[i] && !seen[j] {
				seen[j], known = true, true
			}
		}
		if !known {
			return fetch, ErrUnknownField
		}
		value := pairs[i+1]
		switch pairs[i] {
		case "v":
			if value != VersionText {
				return fetch, ErrBadField
			}
		case "type":
			if value != MessageFetch {
				return fetch, ErrBadField
			}
		case "method":
			if !isToken(value) {
				return fetch, ErrBadField
			}
			fetch.Method = value
		case "url":
			fetch.URL = value
		case "headers":
			headers, ok := splitHeaders(value)
			if !ok {
				return fetch, ErrBadField
			}
			fetch.Headers = headers
		case "credentials":
			if value != "omit" && value != "same-origin" && value != "include" {
				return fetch, ErrBadField
			}
			fetch.Credentials = value
		case "redirect":
			if value != "follow" && value != "manual" && value != "error" {
				return fetch, ErrBadField
			}
			fetch.Redirect = value
		}
	}
	for j, field := range fetchFields {
		if field.required && !seen[j] {
			return fetch, ErrMissingField
		}
	}
	return fetch, nil
}

// splitHeaders reads "name\nvalue\n…": neither can contain a line feed, so the
// form needs no escapes.
func splitHeaders(block string) ([]string, bool) {
	var headers []string
	for len(block) > 0 {
		end := -1
		for i := 0; i < len(block); i++ {
			c := block[i]
			if c == '\n' {
				end = i
				break
			}
			if c == '\r' || c == 0 {
				return nil, false
			}
		}
		if end < 0 {
			return nil, false
		}
		if len(headers)%2 == 0 && !isToken(block[:end]) {
			return nil, false
		}
		headers = append(headers, block[:end])
		block = block[end+1:]
	}
	return headers, len(headers)%2 == 0
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '!' || c == '#' || c == '$' || c == '%' || c == '&' || c == '\'' || c == '*' || c == '+' ||
			c == '-' || c == '.' || c == '^' || c == '_' || c == '`' || c == '|' || c == '~':
		default:
			return false
		}
	}
	return true
}
