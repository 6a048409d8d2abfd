package config

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"tokenvault/internal/policy"
)

// fault is a KeyError before its key is known.
type fault struct{ problem, mend string }

// parts are those of a URL that is written the way new URL would write it. It is
// not parsed but recognised: what a browser would change is refused, so that the
// table holds exactly the strings that the browser will compare with.
type parts struct {
	scheme, host, port string
	ip                 bool
	path, query        string
}

func (u parts) origin() string {
	origin := u.scheme + "://" + u.host
	if u.port != "" {
		origin += ":" + u.port
	}
	return origin
}

// splitURL takes a URL apart, up to its path and query, which it does not check.
// example is shown to who has left out the origin.
func splitURL(s, example string) (parts, *fault) {
	if s == "" {
		return parts{}, &fault{"is empty", "write it in full, such as " + example}
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || r == '\\' {
			return parts{}, &fault{
				"has a space, a backslash, a control or a non-ASCII character",
				"write a host in Punycode (xn--…) and a path percent-encoded",
			}
		}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if lower := strings.ToLower(scheme); ok && lower != scheme && (lower == "https" || lower == "http") {
		return parts{}, &fault{"has a scheme in upper case", "write " + lower + "://"}
	}
	if !ok || (scheme != "https" && scheme != "http") {
		return parts{}, &fault{"has no origin", "write it in full, such as " + example}
	}
	if strings.Contains(rest, "#") {
		return parts{}, &fault{"has a fragment", `remove "#" and what follows: it is never sent`}
	}
	u := parts{scheme: scheme}
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority, rest = rest[:end], rest[end:]
		u.path, u.query, _ = strings.Cut(rest, "?")
	}
	if strings.Contains(authority, "@") {
		return parts{}, &fault{"has credentials", `remove what stands before "@"`}
	}
	if f := u.splitAuthority(authority); f != nil {
		return parts{}, f
	}
	if u.scheme == "http" && !strings.HasSuffix(u.host, ".localhost") {
		return parts{}, &fault{"is not https", "use https; http is for *.localhost only, such as http://api.example.localhost:8080"}
	}
	return u, nil
}

func (u *parts) splitAuthority(authority string) *fault {
	host, port, hasPort := authority, "", false
	if end := strings.LastIndexByte(authority, ']'); strings.HasPrefix(authority, "[") && end > 0 {
		host, port = authority[:end+1], authority[end+1:]
		if port != "" {
			port, hasPort = strings.CutPrefix(port, ":")
			if !hasPort {
				return &fault{"has text after the address", "write [address]:port"}
			}
		}
	} else {
		host, port, hasPort = strings.Cut(authority, ":")
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return &fault{"has a wrong port", "write a number from 1 to 65535, or leave out the colon too"}
		}
		if IsBlockedPort(uint16(n)) {
			return &fault{"has a port that browsers never connect to", "serve it at another one; the list is in the Fetch standard (port blocking)"}
		}
	}
	u.host, u.port = host, port
	return u.checkHost()
}

func (u *parts) checkHost() *fault {
	host := u.host
	if host == "" {
		return &fault{"has no host", "write one after ://"}
	}
	if lower := strings.ToLower(host); lower != host {
		return &fault{"has a host in upper case", "write " + lower}
	}
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" || "["+addr.String()+"]" != host {
			return &fault{"has an IPv6 address that browsers write in another way", "write it in its shortest form, such as [2001:db8::1]"}
		}
		u.ip = true
		return nil
	}
	if strings.Contains(host, "*") {
		return &fault{"has a star in its host", "list each host: an origin is exact"}
	}
	if strings.HasSuffix(host, ".") {
		return &fault{"has a host that ends in a dot", "remove the dot: it makes another origin"}
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return &fault{"has a host that is no host name", "write labels of a–z, 0–9 and hyphens between single dots"}
		}
	}
	if len(host) > 253 {
		return &fault{"has a host longer than 253 characters", "shorten it"}
	}
	if numeric(labels[len(labels)-1]) {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is4() {
			return &fault{"has an IPv4 address that browsers write in another way", "write four decimal numbers, such as 192.0.2.1"}
		}
		u.ip = true
	}
	return nil
}

func validLabel(label string) bool {
	for i := 0; i < len(label); i++ {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return label != "" && len(label) <= 63
}

// numeric reports whether browsers take a host with this last label for an IPv4
// address: decimal, octal or hexadecimal.
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// plainPort refuses the port that the scheme implies: browsers drop it.
func (u parts) plainPort() *fault {
	if (u.scheme == "https" && u.port == "443") || (u.scheme == "http" && u.port == "80") {
		return &fault{"has the default port", "remove :" + u.port + ": browsers do"}
	}
	return nil
}

// parseOrigin accepts an origin as browsers serialise it.
func parseOrigin(s, example string) (parts, *fault) {
	u, f := splitURL(s, example)
	if f == nil {
		f = u.plainPort()
	}
	if f == nil && u.origin() != s {
		f = &fault{"is more than an origin", "write " + u.origin()}
	}
	return u, f
}

// parseEndpoint accepts an exact URL.
func parseEndpoint(s string) (policy.Endpoint, *fault) {
	u, f := splitURL(s, "https://auth.example.com/token")
	if f == nil {
		f = u.plainPort()
	}
	if f == nil && u.path == "" {
		f = &fault{"has no path", "write the whole URL: it is compared exactly"}
	}
	if f == nil && strings.Contains(u.path, "*") {
		f = &fault{"has a star", "write the whole URL: it is compared exactly"}
	}
	if f == nil {
		f = checkPath(u.path)
	}
	if f == nil && (strings.HasSuffix(s, "?") || policy.QueryFault(u.query) != "") {
		f = &fault{"has an empty query, or one with a character that browsers escape", `remove the "?", or percent-encode the character`}
	}
	if f != nil {
		return policy.Endpoint{}, f
	}
	return policy.Endpoint{Origin: u.origin(), Path: u.path, Query: u.query}, nil
}

// parsePattern accepts an exact origin and a path that may end in "/*".
func parsePattern(s string) (origin, path string, f *fault) {
	u, f := splitURL(s, "https://api.example.com/v1/*")
	if f == nil {
		f = u.plainPort()
	}
	if f == nil && u.path == "" {
		f = &fault{"has no path", "add one; " + s + "/* is the whole origin"}
	}
	if f == nil && (u.query != "" || strings.HasSuffix(s, "?")) {
		f = &fault{"has a query", "remove it: a resource is matched by origin and path"}
	}
	if f != nil {
		return "", "", f
	}
	return u.origin(), u.path, checkPattern(u.path)
}

// checkPattern checks a path that may end in "/*".
func checkPattern(path string) *fault {
	folder, wild := strings.CutSuffix(path, "*")
	switch {
	case strings.Contains(folder, "*"):
		return &fault{"has a star before its end", "end the path in /*, once; list the others one by one"}
	case wild && !strings.HasSuffix(folder, "/"):
		return &fault{"has a star after part of a segment", "write /* after a whole segment"}
	default:
		return checkPath(folder)
	}
}

func checkPath(path string) *fault {
	if problem := policy.PathFault(path); problem != "" {
		return &fault{problem, "write it the way the browser sends it: plain segments, other characters percent-encoded"}
	}
	return nil
}

// parseIssuer accepts an issuer identifier (RFC 8414 §2). It is compared as a
// string with what the server says, so a default port may stay: PingAM names it.
func parseIssuer(s string) *fault {
	u, f := splitURL(s, "https://auth.example.com")
	if f == nil && (u.query != "" || strings.HasSuffix(s, "?")) {
		f = &fault{"has a query", "remove it: an issuer has none (RFC 8414 §2)"}
	}
	if f == nil && u.path != "" {
		f = checkPath(u.path)
	}
	return f
}

// issuerOrigin returns the origin of an issuer that parseIssuer accepts.
func issuerOrigin(issuer string) string {
	u, f := splitURL(issuer, "")
	if f != nil {
		return ""
	}
	if u.plainPort() != nil {
		u.port = ""
	}
	return u.origin()
}

// site is an origin and its registrable domain: what the owner of the host has
// registered, one label more than the public suffix. "localhost" counts as a
// public suffix, as it does for browsers.
type site struct {
	parts
	domain string
}

func newSite(u parts) (site, *fault) {
	const mend = "use host names, such as app.example.com and vault.example.com"
	if u.ip {
		return site{}, &fault{"is an IP address, which has no parent domain", mend}
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(u.host)
	if err != nil {
		return site{}, &fault{"is a public suffix, not a host below one", mend}
	}
	return site{u, domain}, nil
}
