package proxy

import (
	"errors"
	"strings"

	"tokenvault/internal/hex"
)

// errBadForm is returned for a body that is not one well-formed form.
var errBadForm = errors.New("the body is not a form of the type application/x-www-form-urlencoded, is too long, or names a parameter twice")

// parameter is one name/value pair of a form or a query.
type parameter struct{ name, value string }

// form is an ordered list of parameters.
type form []parameter

// parseForm reads application/x-www-form-urlencoded (WHATWG URL §5.1), strictly:
// a broken escape is an error, and so is a parameter given twice (RFC 6749
// §3.2), except those that are defined as repeatable (RFC 8707, RFC 8693).
func parseForm(body string) (form, error) {
	var parsed form
	if len(body) > maxForm {
		return nil, errBadForm
	}
	for len(body) > 0 {
		pair := body
		if i := strings.IndexByte(body, '&'); i >= 0 {
			pair, body = body[:i], body[i+1:]
		} else {
			body = ""
		}
		if pair == "" {
			continue
		}
		name, value := pair, ""
		if i := strings.IndexByte(pair, '='); i >= 0 {
			name, value = pair[:i], pair[i+1:]
		}
		name, ok := unescapeForm(name)
		if !ok {
			return nil, errBadForm
		}
		value, ok = unescapeForm(value)
		if !ok {
			return nil, errBadForm
		}
		if _, doubled := parsed.get(name); doubled && name != "resource" && name != "audience" {
			return nil, errBadForm
		}
		parsed = append(parsed, parameter{name, value})
	}
	return parsed, nil
}

//go:noinline
func (f form) get(name string) (string, bool) {
	for _, p := range f {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// without returns a copy that lacks the named parameter.
//
//go:noinline
func (f form) without(name string) form {
	var kept form
	for _, p := range f {
		if p.name != name {
			kept = append(kept, p)
		}
	}
	return kept
}

// encode writes the form; its output contains unreserved characters, escapes,
// "=" and "&" only.
func (f form) encode() string {
	var out []byte
	for i, p := range f {
		if i > 0 {
			out = append(out, '&')
		}
		out = escapeForm(out, p.name)
		out = append(out, '=')
		out = escapeForm(out, p.value)
	}
	return string(out)
}

func escapeForm(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

func unescapeForm(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			char, ok := hex.Byte(s[i+1], s[i+2])
			if !ok {
				return "", false
			}
			out = append(out, char)
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out), true
}
