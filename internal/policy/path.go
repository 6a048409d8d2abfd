package policy

import (
	"strings"

	"tokenvault/internal/hex"
)

// suspicious reports whether some server could read path as another path than
// the browser does. See the package documentation for the list.
//
// Double encoding counts because a gateway that decodes and forwards leaves
// "%2e" of "%252e"; overlong UTF-8 (%c0%af is a "/" to a careless decoder)
// because it has been one (CVE-2000-0884 and its descendants).
func suspicious(path string) bool {
	segment := 0 // where the current segment begins
	for i := 0; i < len(path); {
		c := path[i]
		switch {
		case c == '%':
			b, size, ok := unescape(path[i:])
			if !ok || dangerous(b) || overlong(b, path[i+size:]) {
				return true
			}
			i += size
			continue
		case c == '/':
			if i > 0 && !plainSegment(path[segment:i]) {
				return true
			}
			segment = i + 1
		case c == '\\' || c == ';' || control(c) || c >= 0x80:
			return true
		}
		i++
	}
	last := path[segment:]
	return last == "." || last == ".."
}

// plainSegment reports whether a segment that another one follows is neither
// empty nor a dot segment.
func plainSegment(s string) bool {
	return s != "" && s != "." && s != ".."
}

// unescape decodes the percent-escape at the start of s as often as it is
// encoded: "%2f", "%252f" and "%25252f" are all "/". ok is false for a "%" that
// no two hexadecimal digits follow.
func unescape(s string) (b byte, size int, ok bool) {
	if len(s) < 3 {
		return 0, 0, false
	}
	b, ok = hex.Byte(s[1], s[2])
	size = 3
	for ok && b == '%' && size+2 <= len(s) {
		next, again := hex.Byte(s[size], s[size+1])
		if !again {
			break
		}
		b = next
		size += 2
	}
	return b, size, ok
}

// dangerous reports whether a byte must not come out of an escape: it would be
// syntax, or cut the path short, in a server that decodes before it routes.
func dangerous(b byte) bool {
	return b == '/' || b == '\\' || b == '.' || b == ';' || control(b)
}

// overlong reports whether the escaped byte b begins an overlong UTF-8 sequence;
// rest is what follows it. C0 and C1 begin nothing else.
func overlong(b byte, rest string) bool {
	switch b {
	case 0xc0, 0xc1:
		return true
	case 0xe0, 0xf0:
		if !strings.HasPrefix(rest, "%") {
			return false
		}
		next, _, ok := unescape(rest)
		limit := byte(0xa0)
		if b == 0xf0 {
			limit = 0x90
		}
		return ok && next >= 0x80 && next < limit
	default:
		return false
	}
}

func control(c byte) bool { return c < 0x20 || c == 0x7f }

// judgeSuspicious denies a suspicious path that could mean a URL of ours, as it
// is written or as a lenient server would read it, and leaves the others alone:
// they get no token either way, and an API that is none of ours may use ";".
func (t *Table) judgeSuspicious(origin, path string) Verdict {
	lenient := lenientPath(path)
	for i := range t.Clients {
		c := &t.Clients[i]
		for _, e := range c.routes() {
			if e.Origin == origin && couldMean(e.Path, path, lenient) {
				return deny(i, SuspiciousPath)
			}
		}
		for j := range c.Resources {
			r := &c.Resources[j]
			if r.Origin == origin && couldMean(r.Path, path, lenient) {
				return deny(i, SuspiciousPath)
			}
		}
	}
	return bypass
}

func couldMean(pattern, path, lenient string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix) || strings.HasPrefix(lenient+"/", prefix)
	}
	return strings.TrimSuffix(lenient, "/") == strings.TrimSuffix(pattern, "/")
}

// NearEndpoint reports whether some server could take a path for that of an endpoint
// that gives tokens or codes, or takes requests for some. What is there, or came by a
// redirect there, is not for the app: it may hold tokens that the vault does not know
// and cannot scrub, or a code whose verifier a script has.
func (t *Table) NearEndpoint(origin, path string) bool {
	path = bareEndpoint(path)
	for i := range t.Clients {
		c := &t.Clients[i]
		for _, e := range [...]*Endpoint{&c.Token, &c.Revocation, &c.SignIn.Authorization, &c.SignIn.Pushed} {
			if e.Origin == origin && !e.IsZero() && sameFolded(bareEndpoint(e.Path), path) {
				return true
			}
		}
	}
	return false
}

// bareEndpoint is a path without what some servers do not see in it: escapes, a last
// slash, and what is after a dot at its end, which to routers that take the format of
// the answer there (Rails, older Spring) makes "/token.json" of "/token".
func bareEndpoint(path string) string {
	if strings.IndexByte(path, '%') >= 0 || suspicious(path) {
		path = lenientPath(path)
	}
	path = strings.TrimSuffix(path, "/")
	if dot := strings.LastIndexByte(path, '.'); dot > strings.LastIndexByte(path, '/') {
		return path[:dot]
	}
	return path
}

// sameFolded compares as servers do that take ASCII letters of both cases for the
// same.
func sameFolded(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// lenientPath reads a path as the most lenient server would: escapes decoded to
// the end, backslashes as slashes, control characters and path parameters
// (";…") dropped, empty segments merged, dot segments resolved.
func lenientPath(path string) string {
	decoded := make([]byte, 0, len(path))
	for i := 0; i < len(path); {
		c, size := path[i], 1
		if c == '%' {
			if b, n, ok := unescape(path[i:]); ok {
				c, size = b, n
			}
		}
		i += size
		switch {
		case c == '\\':
			decoded = append(decoded, '/')
		case !control(c):
			decoded = append(decoded, c)
		}
	}

	var kept []string
	directory := true // the path ends in a slash
	for segment := range strings.SplitSeq(string(decoded), "/") {
		segment, _, _ = strings.Cut(segment, ";")
		directory = segment == "" || segment == "." || segment == ".."
		switch {
		case segment == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case !directory:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if directory && clean != "/" {
		clean += "/"
	}
	return clean
}
