package policy

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrInvalid is what every error of Check and Decode is: errors.Is(err,
// ErrInvalid).
var ErrInvalid = errors.New("policy: invalid table")

// invalidError is ErrInvalid with the place and the fault.
type invalidError struct{ where, what string }

func (e *invalidError) Error() string { return "policy: " + e.where + ": " + e.what }
func (e *invalidError) Unwrap() error { return ErrInvalid }

// invalid has too many callers to be inlined.
//
//go:noinline
func invalid(where, what string) error { return &invalidError{where, what} }

// Check reports the first fault that would make a table answer wrongly or never: no
// such table is built. The friendly errors for people are package config's; this is
// the last line, for a table that came another way.
func (t *Table) Check() error {
	if !validOrigin(t.AppOrigin) {
		return invalid("app origin", "not an origin")
	}
	if !validOrigin(t.VaultOrigin) {
		return invalid("vault origin", "not an origin")
	}
	if t.AppOrigin == t.VaultOrigin {
		return invalid("vault origin", "equal to the app origin")
	}
	if t.TimeoutMS <= 0 {
		return invalid("timeout", "not positive")
	}
	if len(t.Clients) == 0 {
		return invalid("clients", "none")
	}
	for i := range t.Clients {
		c := &t.Clients[i]
		if err := c.check(); err != nil {
			return err
		}
		for j := range t.Clients[:i] {
			if t.Clients[j].Name == c.Name {
				return invalid("client "+c.Name, "name used twice")
			}
		}
		if c.names(t.VaultOrigin) || c.SignIn.Authorization.Origin == t.VaultOrigin {
			return invalid("client "+c.Name, "a URL at the vault origin")
		}
		if c.SignIn.Authorization.Origin == t.AppOrigin {
			return invalid("client "+c.Name, "an authorization endpoint at the app origin")
		}
	}
	return t.checkRedirectOrigins()
}

func (t *Table) checkRedirectOrigins() error {
	for i, origin := range t.RedirectOrigins {
		where := "redirect origin " + origin
		if !validOrigin(origin) {
			return invalid(where, "not an origin")
		}
		isNamed := origin == t.AppOrigin || origin == t.VaultOrigin || slices.Contains(t.RedirectOrigins[:i], origin)
		for j := range t.Clients {
			isNamed = isNamed || t.Clients[j].names(origin)
		}
		if isNamed {
			return invalid(where, "named before")
		}
	}
	return nil
}

// names reports whether the vault makes requests of the client to this origin.
func (c *Client) names(origin string) bool {
	for _, e := range c.endpoints() {
		if e.Origin == origin {
			return true
		}
	}
	for i := range c.Resources {
		if c.Resources[i].Origin == origin {
			return true
		}
	}
	return false
}

func (c *Client) check() error {
	where := "client " + c.Name
	for _, s := range [...]string{c.Name, c.ID, c.Scope, c.Issuer} {
		if !utf8.ValidString(s) {
			return invalid("client", "not UTF-8")
		}
	}
	if c.Name == "" {
		return invalid("client", "no name")
	}
	if c.ID == "" {
		return invalid(where, "no client_id")
	}
	if c.Token.IsZero() {
		return invalid(where, "no token endpoint")
	}
	for _, e := range c.endpoints() {
		if !e.IsZero() {
			if err := e.Check(); err != nil {
				return err
			}
		}
	}
	if !slices.Contains(c.Redact, "access_token") || !slices.Contains(c.Redact, "refresh_token") {
		return invalid(where, "access_token and refresh_token are not both redacted")
	}
	for _, name := range c.Redact {
		if !utf8.ValidString(name) || name == "" {
			return invalid(where, "redact holds what is no JSON member name")
		}
	}
	if c.RefreshBeforeMS < 0 {
		return invalid(where, "refresh before is negative")
	}
	for j := range c.Resources {
		if err := c.Resources[j].Check(); err != nil {
			return err
		}
	}
	return c.checkSignIn()
}

func (c *Client) checkSignIn() error {
	where := "sign-in of client " + c.Name
	s := &c.SignIn
	if !c.OwnsSignIn() {
		if !s.Pushed.IsZero() || !s.Keys.IsZero() || s.RequireIssuer || len(s.ReturnTo)+len(s.Claims)+len(s.Parameters) > 0 {
			return invalid(where, "no authorization endpoint")
		}
		return nil
	}
	if err := s.Authorization.Check(); err != nil {
		return err
	}
	if c.Issuer == "" {
		return invalid(where, "no issuer")
	}
	if s.Keys.IsZero() {
		return invalid(where, "no key set")
	}
	if len(s.ReturnTo) == 0 {
		return invalid(where, "nowhere to return to")
	}
	for _, pattern := range s.ReturnTo {
		if what := patternFault(pattern); what != "" {
			return invalid(where, what)
		}
	}
	for _, name := range slices.Concat(s.Claims, s.Parameters) {
		if !utf8.ValidString(name) || name == "" {
			return invalid(where, "a claim or parameter without a name")
		}
	}
	return nil
}

// Check reports what is wrong with an endpoint that is not none.
func (e Endpoint) Check() error {
	if !validOrigin(e.Origin) {
		return invalid("endpoint "+e.URL(), "origin is not scheme://host[:port] in lower case")
	}
	if strings.Contains(e.Path, "*") {
		return invalid("endpoint "+e.URL(), "an endpoint is exact and has no *")
	}
	if what := PathFault(e.Path); what != "" {
		return invalid("endpoint "+e.URL(), what)
	}
	if what := QueryFault(e.Query); what != "" {
		return invalid("endpoint "+e.URL(), what)
	}
	return nil
}

// Check reports what is wrong with a rule.
func (r *Rule) Check() error {
	where := "resource " + r.Origin + r.Path
	if !validOrigin(r.Origin) {
		return invalid(where, "origin is not scheme://host[:port] in lower case")
	}
	if what := patternFault(r.Path); what != "" {
		return invalid(where, what)
	}
	if len(r.Methods) == 0 {
		return invalid(where, "no method")
	}
	for _, m := range r.Methods {
		if !validMethod(m) {
			return invalid(where, "method is not in upper case letters")
		}
	}
	if what := QueryFault(r.Indicator); what != "" {
		return invalid(where, "resource indicator is not a URI")
	}
	return nil
}

// patternFault says what is wrong with a path that may end in "/*".
func patternFault(pattern string) string {
	if strings.HasSuffix(pattern, "/*") {
		pattern = pattern[:len(pattern)-1]
	}
	if strings.Contains(pattern, "*") {
		return `"*" stands elsewhere than at the end, after "/"`
	}
	return PathFault(pattern)
}

// PathFault says why a literal path is suspicious, or is no path that new URL
// gives for any URL; "" for a good one. "^" is refused because browsers disagree
// on it.
func PathFault(path string) string {
	if !strings.HasPrefix(path, "/") {
		return `path does not begin with "/"`
	}
	if suspicious(path) {
		return `path has an encoded / \ . or ;, a raw ; or \, an empty or dot segment, a control or non-ASCII character, or a malformed escape`
	}
	if strings.ContainsAny(path, " \"#<>?`{}^") {
		return "path has a character that browsers write as a percent-escape, or that ends a path"
	}
	return ""
}

// QueryFault says why new URL gives a query (without "?") for no http URL; ""
// for a good one.
func QueryFault(query string) string {
	for i := 0; i < len(query); i++ {
		if c := query[i]; c <= 0x20 || c >= 0x7f || strings.IndexByte(`"#<>'`, c) >= 0 {
			return "query has a character that browsers write as a percent-escape"
		}
	}
	return ""
}

// validOrigin checks the form only: scheme, "://", a host in lower case, perhaps
// a port.
func validOrigin(origin string) bool {
	host, ok := strings.CutPrefix(origin, "https://")
	if !ok {
		host, ok = strings.CutPrefix(origin, "http://")
	}
	if !ok || host == "" || host[0] == ':' {
		return false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

func validMethod(m string) bool {
	for i := 0; i < len(m); i++ {
		if (m[i] < 'A' || m[i] > 'Z') && m[i] != '-' {
			return false
		}
	}
	return m != ""
}
