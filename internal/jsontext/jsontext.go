// Package jsontext reads and writes the little JSON that the vault frame needs to
// understand, without encoding/json, which is 1080 KB in a WebAssembly binary. It is
// trusted with bytes of servers and apps, and accepts nothing that the browser's
// JSON.parse refuses (RFC 8259).
package jsontext

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"tokenvault/internal/hex"
)

var (
	// ErrNotObject is returned for a body that is not one JSON object.
	ErrNotObject = errors.New("the body is not a JSON object")
	// ErrNotArray is returned for a body that is not one JSON array.
	ErrNotArray = errors.New("the body is not a JSON array")
)

// maxDepth bounds nesting; a token response is flat.
const maxDepth = 64

// Member is one name/value pair of an object, by its place in the body. Places
// and not values, because redaction replaces bytes in place: what the server
// wrote around them (order, spacing, number formats, doubled names) reaches the
// app as it was.
type Member struct {
	Name       string
	From       int  // of the name, in the body
	Start, End int  // of the value
	Outer      bool // of the outermost object, not of one within
}

// Members reads body, one object (RFC 8259), checks all of it and returns the
// members of every object in it, by their place. It accepts nothing that the
// browser's JSON.parse refuses: a body that the two read differently could hide a
// token.
func Members(body []byte) ([]Member, error) {
	s := scanner{body: body}
	s.space()
	if !s.take('{') {
		return nil, ErrNotObject
	}
	if err := s.object(1); err != nil {
		return nil, err
	}
	s.space()
	if s.at != len(body) || !utf8.Valid(body) {
		return nil, ErrNotObject
	}
	return s.found, nil
}

// Elements reads body, one array, checks all of it as Members does, and returns
// its elements as they were written.
func Elements(body []byte) ([][]byte, error) {
	s := scanner{body: body}
	s.space()
	if !s.take('[') || s.array(1) != nil {
		return nil, ErrNotArray
	}
	s.space()
	if s.at != len(body) || !utf8.Valid(body) {
		return nil, ErrNotArray
	}
	return s.elements, nil
}

// Text returns the value of a string member.
func (m Member) Text(body []byte) (string, bool) { return Text(body[m.Start:m.End]) }

// Text returns what a value says that is a string, as it was written in a text
// that Members or Elements has accepted; ok is false for another value.
func Text(raw []byte) (text string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	return unquote(raw), true
}

// IsNull reports whether the value is null.
func (m Member) IsNull(body []byte) bool {
	return string(body[m.Start:m.End]) == "null"
}

// Texts returns what a value says that is a string or an array of strings.
func Texts(raw []byte) (texts []string, ok bool) {
	list, err := Elements(raw)
	if err != nil {
		list = [][]byte{raw}
	}
	for _, element := range list {
		text, ok := Text(element)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// Seconds returns a number member, or a string of digits as some servers write
// it, in whole seconds and most at most.
func (m Member) Seconds(body []byte, most int64) (int64, bool) {
	raw := body[m.Start:m.End]
	if text, ok := Text(raw); ok {
		raw = []byte(text)
	}
	return Whole(raw, most)
}

// Whole reads a number that is not negative without its fraction, and returns most
// at most. One with an exponent is refused: servers write times and durations
// without. By hand: strconv.ParseFloat is 30 KB.
func Whole(number []byte, most int64) (value int64, ok bool) {
	s := scanner{body: number}
	if !s.digits() {
		return 0, false
	}
	for _, c := range number[:s.at] {
		value = min(value*10+int64(c-'0'), most)
	}
	if s.take('.') && !s.digits() || s.at != len(number) {
		return 0, false
	}
	return value, true
}

// scanner walks a JSON text once.
type scanner struct {
	body     []byte
	at       int
	found    []Member
	elements [][]byte // of the outermost array
}

// space, like take, has too many callers to be inlined.
//
//go:noinline
func (s *scanner) space() {
	for s.at < len(s.body) {
		switch s.body[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

//go:noinline
func (s *scanner) take(c byte) bool {
	if s.at < len(s.body) && s.body[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object reads behind "{".
func (s *scanner) object(depth int) error {
	s.space()
	if s.take('}') {
		return nil
	}
	for {
		s.space()
		start := s.at
		if err := s.text(); err != nil {
			return err
		}
		name := unquote(s.body[start:s.at])
		s.space()
		if !s.take(':') {
			return ErrNotObject
		}
		s.space()
		at := len(s.found) // before the members within its value
		s.found = append(s.found, Member{Name: name, From: start, Start: s.at, Outer: depth == 1})
		if err := s.value(depth); err != nil {
			return err
		}
		s.found[at].End = s.at
		s.space()
		if s.take(',') {
			continue
		}
		if s.take('}') {
			return nil
		}
		return ErrNotObject
	}
}

func (s *scanner) array(depth int) error {
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		start := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if depth == 1 {
			s.elements = append(s.elements, s.body[start:s.at])
		}
		s.space()
		if s.take(',') {
			continue
		}
		if s.take(']') {
			return nil
		}
		return ErrNotObject
	}
}

func (s *scanner) value(depth int) error {
	if s.at >= len(s.body) || depth >= maxDepth {
		return ErrNotObject
	}
	switch c := s.body[s.at]; {
	case c == '{':
		s.at++
		return s.object(depth + 1)
	case c == '[':
		s.at++
		return s.array(depth + 1)
	case c == '"':
		return s.text()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) word(want string) error {
	if len(s.body)-s.at < len(want) || string(s.body[s.at:s.at+len(want)]) != want {
		return ErrNotObject
	}
	s.at += len(want)
	return nil
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.body) && '0' <= s.body[s.at] && s.body[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return ErrNotObject
	}
	if s.take('.') && !s.digits() {
		return ErrNotObject
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return ErrNotObject
		}
	}
	return nil
}

// text reads a string with its quotes.
func (s *scanner) text() error {
	if !s.take('"') {
		return ErrNotObject
	}
	for s.at < len(s.body) {
		c := s.body[s.at]
		s.at++
		switch {
		case c == '"':
			return nil
		case c < 0x20:
			return ErrNotObject
		case c == '\\':
			if s.at >= len(s.body) {
				return ErrNotObject
			}
			escape := s.body[s.at]
			s.at++
			switch escape {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(s.body[s.at:]); !ok {
					return ErrNotObject
				}
				s.at += 4
			default:
				return ErrNotObject
			}
		}
	}
	return ErrNotObject
}

// unquote decodes a string that text has accepted.
func unquote(raw []byte) string {
	raw = raw[1 : len(raw)-1]
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			unit, _ := hex4(raw[i+1:])
			i += 4
			r := rune(unit)
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if len(raw) > i+6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
					var unit uint16
					unit, ok = hex4(raw[i+3:])
					low = rune(unit)
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[i])
		}
	}
	return string(out)
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (uint16, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var value uint16
	for _, c := range b[:4] {
		digit, ok := hex.Digit(c)
		if !ok {
			return 0, false
		}
		value = value<<4 | uint16(digit)
	}
	return value, true
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string that is safe in HTML as well.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
