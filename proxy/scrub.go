package proxy

import (
	"tokenvault/internal/hex"
	"tokenvault/internal/secret"
)

// minSecret is the length below which a token is not searched for: a shorter
// one would also be found where it is not meant. No server issues such tokens.
const minSecret = 8

// scrubber replaces every occurrence of the secrets in a stream by REDACTED,
// wherever the stream is cut into chunks.
//
// A byte of a secret may stand raw, percent-escaped (%2E), JSON-escaped (\/ or
// \u002e) or as an HTML character reference (&#46; &#x2e;), each on its own:
// those are the ways a server echoes a header without meaning to. What it cannot
// see is a token that a server transforms (base64, reversed, compressed);
// SECURITY.md says so.
//
// A chunk is never held back as a whole: only the bytes from which a match could
// still grow wait for the next chunk, so a slow stream stays a stream.
type scrubber struct {
	secrets []string
	fold    bool      // a letter is also found in its other case
	starts  [256]bool // bytes a match can begin with
	// Any spelling of any secret begins with at least window bytes that are all
	// among these.
	members [256]bool
	window  int
	tail    []byte // the beginning of a possible match
	out     []byte
}

// escapeBytes are what a spelling may have beside those of the secret.
const escapeBytes = `%\&#xXu;0123456789abcdefABCDEF`

func newScrubber(secrets []string) *scrubber {
	s := &scrubber{window: maxWindow}
	s.starts['%'], s.starts['\\'], s.starts['&'] = true, true, true
	for i := range len(escapeBytes) {
		s.members[escapeBytes[i]] = true
	}
	s.hide(secrets)
	return s
}

// maxWindow bounds the bytes of a secret that are members: the more of them
// there are, the less they tell a token from other text.
const maxWindow = 24

// hide adds secrets, from the next byte on: a stream may outlive the token that
// it was asked for with.
func (s *scrubber) hide(secrets []string) {
	for _, secret := range secrets {
		if len(secret) < minSecret || contains(s.secrets, secret) {
			continue
		}
		s.secrets = append(s.secrets, secret)
		s.starts[secret[0]] = true
		for i := range min(len(secret), maxWindow) {
			s.members[secret[i]] = true
		}
		s.window = min(s.window, len(secret))
	}
}

// contains has too many callers to be inlined.
//
//go:noinline
func contains(list []string, item string) bool {
	for _, s := range list {
		if s == item {
			return true
		}
	}
	return false
}

// write takes the next chunk and returns the bytes that are safe to pass on:
// the chunk's own, as far as they go, if none of them had to be replaced. They
// are valid until the next write. After the last chunk nothing is held.
func (s *scrubber) write(chunk []byte, last bool) []byte {
	buf := chunk
	if len(s.tail) > 0 {
		buf = append(s.tail, chunk...)
		s.tail = nil
	}
	out := s.out[:0]
	from, end := 0, len(buf)
	for at := s.next(buf, 0); at < len(buf); {
		length, partial := s.match(buf[at:])
		if partial && !last {
			s.tail = append([]byte(nil), buf[at:]...)
			end = at
			break
		}
		if length > 0 {
			out = append(out, buf[from:at]...)
			out = append(out, secret.Redacted...)
			at += length
			from = at
		} else {
			at++
		}
		at = s.next(buf, at)
	}
	if from == 0 {
		return buf[:end]
	}
	s.out = append(out, buf[from:end]...)
	return s.out
}

// next returns where, from at on, a match may begin next; len(buf) for nowhere.
// Most bytes of a text are never looked at: in a window of bytes with one that is
// no member, no match begins at that one or before it.
func (s *scrubber) next(buf []byte, at int) int {
	known := at // up to here all are members
	for at < len(buf) {
		end := min(at+s.window, len(buf))
		i := end - 1
		for i >= known && s.members[buf[i]] {
			i--
		}
		switch {
		case i >= known:
			at, known = i+1, i+1
		case s.starts[buf[at]]:
			return at
		default:
			at, known = at+1, end
		}
	}
	return at
}

// text scrubs a whole string.
//
//go:noinline
func (s *scrubber) text(text string) string {
	return string(s.write([]byte(text), true))
}

// name scrubs the name of a header. Browsers and HTTP/2 write names in lower case,
// so a token is found there in any case: who knows its letters and not their case
// has little left to guess.
func (s *scrubber) name(text string) string {
	folded := scrubber{secrets: s.secrets, fold: true}
	for c, is := range s.starts {
		if is {
			folded.starts[c], folded.starts[otherCase(byte(c))] = true, true
		}
	}
	return folded.text(text)
}

// otherCase returns an ASCII letter in its other case, and any other byte as it is.
func otherCase(c byte) byte {
	if 'a' <= c|0x20 && c|0x20 <= 'z' {
		return c ^ 0x20
	}
	return c
}

// is reports whether c counts as the byte of a secret.
func (s *scrubber) is(c, secret byte) bool {
	return c == secret || s.fold && otherCase(c) == secret
}

// match returns the length of the longest secret that stands at the beginning
// of buf, and whether a secret might stand there once more bytes have come.
func (s *scrubber) match(buf []byte) (length int, partial bool) {
	for _, secret := range s.secrets {
		end, more := s.spell(buf, 0, secret)
		length = max(length, end)
		partial = partial || more
	}
	return length, partial
}

// spell returns where the spelling of the secret that goes on at buf[at] ends, 0
// when it does not; more is true when buf ends before that is decided.
func (s *scrubber) spell(buf []byte, at int, secret string) (end int, more bool) {
	for i := 0; i < len(secret); i++ {
		if at >= len(buf) {
			return 0, true
		}
		char, width, cut := unescapeAt(buf[at:])
		escaped := width > 0 && s.is(char, secret[i])
		switch {
		case s.is(buf[at], secret[i]) && (escaped || cut):
			// The secret has a "%" itself, which is followed by what may as well
			// be its escape: both readings may lead on.
			end, more = s.spell(buf, at+1, secret[i+1:])
			if escaped {
				other, otherMore := s.spell(buf, at+width, secret[i+1:])
				end, more = max(end, other), more || otherMore
			}
			return end, more || cut
		case s.is(buf[at], secret[i]):
			at++
		case cut:
			return 0, true
		case escaped:
			at += width
		default:
			return 0, false
		}
	}
	return at, false
}

// unescapeAt decodes the escape at the beginning of buf to one ASCII byte. A
// width of 0 says that there is none; more, that buf ends within one.
func unescapeAt(buf []byte) (char byte, width int, more bool) {
	switch buf[0] {
	case '%':
		return hexEscape(buf, 1, 2)
	case '\\':
		if len(buf) < 2 {
			return 0, 0, true
		}
		switch buf[1] {
		case '/', '"', '\'', '\\':
			return buf[1], 2, false
		case 'u':
			return hexEscape(buf, 2, 4)
		case 'x':
			return hexEscape(buf, 2, 2)
		}
	case '&':
		return characterReference(buf)
	}
	return 0, 0, false
}

// hexEscape decodes the digits that stand behind a prefix of skip bytes.
func hexEscape(buf []byte, skip, digits int) (char byte, width int, more bool) {
	value := 0
	for i := skip; i < skip+digits; i++ {
		if i >= len(buf) {
			return 0, 0, true
		}
		digit, ok := hex.Digit(buf[i])
		if !ok {
			return 0, 0, false
		}
		value = value<<4 | int(digit)
	}
	if value > 0x7f {
		return 0, 0, false
	}
	return byte(value), skip + digits, false
}

// maxReference bounds a numeric character reference, which may carry zeros.
const maxReference = 10

func characterReference(buf []byte) (char byte, width int, more bool) {
	if len(buf) < 2 {
		return 0, 0, true
	}
	if buf[1] != '#' {
		return 0, 0, false
	}
	at, base := 2, 10
	if len(buf) > 2 && (buf[2] == 'x' || buf[2] == 'X') {
		at, base = 3, 16
	}
	value, first := 0, at
	for ; at < maxReference; at++ {
		if at >= len(buf) {
			return 0, 0, true
		}
		digit, ok := hex.Digit(buf[at])
		if ok && int(digit) < base {
			value = value*base + int(digit)
			continue
		}
		if buf[at] != ';' || at == first || value > 0x7f {
			return 0, 0, false
		}
		return byte(value), at + 1, false
	}
	return 0, 0, false
}
