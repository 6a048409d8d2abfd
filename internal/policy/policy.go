// Package policy says which request belongs to which client.
//
// One [Table] is compiled from tokenvault.json at build time and baked into both
// WebAssembly binaries. In the interceptor its verdict is advice (route this
// request to the vault, or leave it alone); in the proxy the same verdict is law
// (attach a token, or do not). Being one package, the two cannot disagree.
//
// # What it trusts
//
// The table, and that origin, path and query are the origin, pathname and
// search (without its "?") of the browser's own new URL, of the very string that
// is fetched afterwards. There is no URL parser here on purpose: a second parser
// disagrees with the first on "https:///evil", "\\evil", "%2e%2e" or a fullwidth
// host, and each disagreement is a way around an allow-list. Credentials and
// fragments are no part of the three and cannot change a verdict.
//
// The caller judges http and https URLs only, and passes the empty origin for
// every other scheme: "blob:https://api.example.com/…" has the origin of its
// maker, and Chromium even gives "filesystem:https://api.example.com/temporary/x"
// the path "/x", which no policy can tell from a request to the API.
//
// # What it refuses
//
// A token goes to an exact origin and to a path under a configured pattern,
// matched by whole segments, with a configured method; to nothing else. A path
// that some server, gateway or framework behind the origin could read as another
// path than the browser does is suspicious: an encoded "/", "\", "." or ";"
// (%2f, %5c, %2e, %3b, doubly encoded too), an encoded or raw control character,
// an overlong UTF-8 sequence, a malformed escape, a ";", an empty segment, a dot
// segment, a raw backslash or non-ASCII byte. A suspicious path never gets a
// token: it is denied where it could mean a URL of ours, and otherwise left
// alone. Endpoints are compared exactly, never by substring, and beat resources. A
// resource that has the path of an endpoint that gives tokens or codes but for the
// case of letters, escaped letters, a last slash or a format (".json") is denied: some
// servers see no difference.
//
// Everything the table does not name is [Bypass]: the browser sends it itself,
// without a token. The zero [Verdict] is a denial.
//
// Sources: RFC 9700 §4 (attacks), WHATWG URL (the parser in front of us), RFC
// 3986 §3.3 (path segments), RFC 9110 §9 (methods).
//
// The package imports neither fmt nor net/url nor encoding/…: it is part of
// interceptor.wasm, whose size is budgeted.
package policy

import (
	"slices"
	"strings"
)

// Kind is what the vault does with a request.
type Kind uint8

const (
	// Deny refuses the request: it goes out neither with nor without a token.
	Deny Kind = iota
	// Bypass leaves the request to the browser, without a token.
	Bypass
	// Resource is a protected resource: an access token is attached.
	Resource
	// Token is a client's token endpoint (RFC 6749 §3.2).
	Token
	// Revocation is a client's revocation endpoint (RFC 7009).
	Revocation
	// UserInfo is a client's UserInfo endpoint (OpenID Connect Core §5.3).
	UserInfo
	// EndSession is a client's end-session endpoint (OpenID Connect
	// RP-Initiated Logout §2).
	EndSession
)

// String returns the kind's stable name.
func (k Kind) String() string {
	switch k {
	case Bypass:
		return "bypass"
	case Resource:
		return "resource"
	case Token:
		return "token"
	case Revocation:
		return "revocation"
	case UserInfo:
		return "userinfo"
	case EndSession:
		return "end_session"
	default:
		return "deny"
	}
}

// Reason says why a verdict is [Deny].
type Reason uint8

const (
	// NoReason belongs to every verdict that is not a denial, and to the zero
	// Verdict.
	NoReason Reason = iota
	// MethodNotAllowed: the URL is ours, the method is not configured for it.
	MethodNotAllowed
	// SuspiciousPath: the path could mean a URL of ours to some server, but
	// does not say so plainly.
	SuspiciousPath
	// QueryNotAllowed: the URL is a token or revocation endpoint with another
	// query than the configured one.
	QueryNotAllowed
)

// String returns the reason's stable name.
func (r Reason) String() string {
	switch r {
	case MethodNotAllowed:
		return "method_not_allowed"
	case SuspiciousPath:
		return "suspicious_path"
	case QueryNotAllowed:
		return "query_not_allowed"
	default:
		return "none"
	}
}

// NoClient is Verdict.Client where no client is concerned.
const NoClient = -1

// Verdict is the answer to one request. The zero value denies.
type Verdict struct {
	Kind   Kind
	Client int    // index in Table.Clients; NoClient for Bypass
	Reason Reason // why Kind is Deny
	// Indicator is that of the rule, for Resource.
	Indicator string
}

// Rule is one protected resource of a client: Table.Clients[i].Resources[j].
type Rule struct {
	Origin  string   // as the browser serialises it: "https://api.example.com"
	Path    string   // exact ("/v1/items"), or everything below ("/v1/*")
	Methods []string // upper case; GET implies HEAD
	// Indicator is the resource indicator (RFC 8707) that the token for this rule is
	// asked for with; "" for the token that the server gives without one.
	Indicator string
}

// Endpoint is one URL of an authorization server. The zero value is "none".
type Endpoint struct {
	Origin string
	Path   string
	Query  string // without "?"; compared for Token and Revocation only
}

// URL returns the endpoint as a URL, or "" for none.
func (e Endpoint) URL() string {
	if e.Query == "" {
		return e.Origin + e.Path
	}
	return e.Origin + e.Path + "?" + e.Query
}

// IsZero reports whether the server has no such endpoint.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// at reports whether the endpoint has this origin and path. The zero endpoint is
// nowhere: Judge knows no empty origin.
func (e Endpoint) at(origin, path string) bool {
	return e.Origin == origin && e.Path == path
}

// Client is one OAuth client of the app, at one authorization server.
type Client struct {
	Name   string // how the app and the store call it
	ID     string // client_id
	Scope  string
	Issuer string

	Token, Revocation, UserInfo, EndSession Endpoint

	Redact          []string // JSON members hidden from the app; access_token and refresh_token at least
	RefreshBeforeMS int64    // refresh this long before expiry
	DPoP            bool     // tokens are bound to a key of the vault (RFC 9449)
	Resources       []Rule

	SignIn SignIn
}

// SignIn is how the vault signs a client in by itself. The zero value leaves that to
// the app, whose requests to the token endpoint come through the vault.
type SignIn struct {
	Authorization Endpoint // RFC 6749 §3.1; only ever navigated to, and no resource
	Pushed        Endpoint // pushed authorization requests (RFC 9126); zero: none are made
	Keys          Endpoint // the server's JSON Web Key Set (RFC 7517 §5)
	// RequireIssuer refuses an authorization response without iss (RFC 9207). One
	// with another iss is refused anyway.
	RequireIssuer bool
	ReturnTo      []string // patterns of paths of the app origin, as in Rule
	Claims        []string // of the id_token, that the app may read
	Parameters    []string // of the authorization request, that the app may set beside those of login
}

// OwnsSignIn reports whether the vault signs this client in by itself. The app has
// no way to the client's token endpoint then: Judge knows none.
func (c *Client) OwnsSignIn() bool { return !c.SignIn.Authorization.IsZero() }

// Table is the whole policy of one deployment.
type Table struct {
	AppOrigin   string
	VaultOrigin string
	TimeoutMS   int64 // the longest wait for a response's head
	Clients     []Client
	// RedirectOrigins are those that a redirect may lead to beside [Table.Origins].
	// Judge does not know them: what is there is nobody's, and gets no token.
	RedirectOrigins []string
}

// Judge says what becomes of a request. The arguments come from the browser's
// own new URL: origin ("" unless the scheme is http or https), pathname, search
// without "?"; and the request's method as the browser has normalised it.
func (t *Table) Judge(origin, path, query, method string) Verdict {
	// A path without a leading slash is no http URL: a blob: that slipped past
	// the caller. The network never sees it.
	if !strings.HasPrefix(path, "/") || !t.knows(origin) {
		return bypass
	}
	if suspicious(path) {
		return t.judgeSuspicious(origin, path)
	}
	if v, ok := t.judgeEndpoint(origin, path, query, method); ok {
		return v
	}
	v := t.judgeResource(origin, path, method)
	if v.Kind == Resource && t.NearEndpoint(origin, path) {
		return deny(v.Client, SuspiciousPath)
	}
	return v
}

var bypass = Verdict{Kind: Bypass, Client: NoClient}

func deny(client int, reason Reason) Verdict {
	return Verdict{Kind: Deny, Client: client, Reason: reason}
}

// knows reports whether any rule or endpoint has this origin.
func (t *Table) knows(origin string) bool {
	if origin == "" {
		return false
	}
	for i := range t.Clients {
		c := &t.Clients[i]
		for _, e := range c.routes() {
			if e.Origin == origin {
				return true
			}
		}
		for j := range c.Resources {
			if c.Resources[j].Origin == origin {
				return true
			}
		}
	}
	return false
}

// judgeEndpoint answers for the endpoints of all clients; ok is false for a URL
// that is none.
func (t *Table) judgeEndpoint(origin, path, query, method string) (v Verdict, ok bool) {
	for i := range t.Clients {
		c := &t.Clients[i]
		switch {
		case c.Token.at(origin, path) && c.Token.Query == query && !c.OwnsSignIn():
			return allowMethod(Token, i, method == "POST"), true
		case c.Revocation.at(origin, path) && c.Revocation.Query == query:
			return allowMethod(Revocation, i, method == "POST"), true
		case c.UserInfo.at(origin, path):
			return allowMethod(UserInfo, i, method == "GET" || method == "POST"), true
		case c.EndSession.at(origin, path):
			return allowMethod(EndSession, i, method == "GET" || method == "POST"), true
		}
	}
	return t.judgeOtherQuery(origin, path, query)
}

// judgeOtherQuery answers for a token or revocation endpoint with another query
// than the configured one. It is never a resource, even under a pattern: what
// such a URL answers are tokens that the vault does not know yet and could not
// scrub. A server that ignores additional parameters takes it for the endpoint
// itself, so it is denied where every configured parameter is there; otherwise
// (a server that routes by query) it is some other page, and left alone. So are the
// token endpoint of a client that the vault signs in, its authorization endpoint, and
// where the vault pushes authorization requests to: what they answer, also to a
// request that a script made up, could be worth tokens.
func (t *Table) judgeOtherQuery(origin, path, query string) (v Verdict, ok bool) {
	for i := range t.Clients {
		c := &t.Clients[i]
		for _, e := range [...]*Endpoint{&c.Token, &c.Revocation} {
			if !e.at(origin, path) {
				continue
			}
			if hasParameters(query, e.Query) && !(e == &c.Token && c.OwnsSignIn()) {
				return deny(i, QueryNotAllowed), true
			}
			v, ok = bypass, true
		}
		if c.SignIn.Authorization.at(origin, path) || c.SignIn.Pushed.at(origin, path) {
			v, ok = bypass, true
		}
	}
	return v, ok
}

// hasParameters reports whether every "&"-separated part of want is one of
// query's.
func hasParameters(query, want string) bool {
	for want != "" {
		var part string
		part, want, _ = strings.Cut(want, "&")
		if !hasParameter(query, part) {
			return false
		}
	}
	return true
}

func hasParameter(query, want string) bool {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		if part == want {
			return true
		}
	}
	return want == ""
}

func allowMethod(kind Kind, client int, allowed bool) Verdict {
	if !allowed {
		return deny(client, MethodNotAllowed)
	}
	return Verdict{Kind: kind, Client: client}
}

// judgeResource answers for a URL that is no endpoint and whose path is plain.
func (t *Table) judgeResource(origin, path, method string) Verdict {
	v := bypass
	for i := range t.Clients {
		rules := t.Clients[i].Resources
		for j := range rules {
			r := &rules[j]
			if r.Origin != origin || !under(r.Path, path) {
				continue
			}
			if r.allows(method) {
				return Verdict{Kind: Resource, Client: i, Indicator: r.Indicator}
			}
			if v.Kind == Bypass {
				v = deny(i, MethodNotAllowed)
			}
		}
	}
	return v
}

// allows reports whether the rule names the method. Methods are compared as they
// are: the browser has put GET, POST and the like in upper case already, and
// "patch" is another method than "PATCH".
func (r *Rule) allows(method string) bool {
	for _, m := range r.Methods {
		if m == method || (m == "GET" && method == "HEAD") {
			return true
		}
	}
	return false
}

// under reports whether path matches pattern: equal, or below a pattern that
// ends in "/*". The slash before the star stays in the comparison, so that
// "/v1/*" is "/v1/" and "/v1/a/b" but neither "/v1" nor "/v1x".
func under(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return path == pattern
}

// Origins returns the distinct origins for which [Table.Judge] can answer
// anything but Bypass, in the order of the table. It is the interceptor's
// prefilter.
func (t *Table) Origins() []string {
	var origins []string
	for _, place := range t.Places() {
		if !slices.Contains(origins, place.Origin) {
			origins = append(origins, place.Origin)
		}
	}
	return origins
}

// Place is an origin, and a path there as [Rule] has it.
type Place struct{ Origin, Path string }

// Places returns the distinct places that the policy names, in the order of the
// table. Of paths that are not suspicious, [Table.Judge] answers Bypass for all
// that none of them has.
func (t *Table) Places() []Place {
	var places []Place
	add := func(place Place) {
		if place.Origin != "" && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	for i := range t.Clients {
		c := &t.Clients[i]
		for _, e := range c.routes() {
			add(Place{e.Origin, e.Path})
		}
		for _, r := range c.Resources {
			add(Place{r.Origin, r.Path})
		}
	}
	return places
}

// endpoints are all endpoints that the vault calls, in the order of the struct.
func (c *Client) endpoints() [6]Endpoint {
	return [...]Endpoint{c.Token, c.Revocation, c.UserInfo, c.EndSession, c.SignIn.Pushed, c.SignIn.Keys}
}

// routes are the endpoints that requests of the app lead to.
func (c *Client) routes() [4]Endpoint {
	routes := [...]Endpoint{c.Token, c.Revocation, c.UserInfo, c.EndSession}
	if c.OwnsSignIn() {
		routes[0] = Endpoint{}
	}
	return routes
}

// ConnectOrigins returns the distinct origins that the vault makes requests to, or
// is led to by redirects.
func (t *Table) ConnectOrigins() []string {
	origins := t.Origins()
	add := func(origin string) {
		if origin != "" && !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	for i := range t.Clients {
		for _, e := range t.Clients[i].endpoints() {
			add(e.Origin)
		}
	}
	for _, origin := range t.RedirectOrigins {
		add(origin)
	}
	return origins
}

// ClientIndex finds a client by its name, else by its client_id. An id that
// several clients share (at several servers) is no way to name one of them.
func (t *Table) ClientIndex(name string) (int, bool) {
	if name == "" {
		return NoClient, false
	}
	byID := NoClient
	shared := false
	for i := range t.Clients {
		if t.Clients[i].Name == name {
			return i, true
		}
		if t.Clients[i].ID == name {
			shared = byID != NoClient
			byID = i
		}
	}
	if byID == NoClient || shared {
		return NoClient, false
	}
	return byID, true
}

// MayReturnTo reports whether a sign-in may end at this path of the app origin. What
// a browser could take for another host is no path. With a pattern of its own a part
// of the app is meant, and a path that servers read differently is none of it.
func (s *SignIn) MayReturnTo(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.IndexByte(path, '\\') >= 0 {
		return false
	}
	for _, pattern := range s.ReturnTo {
		if pattern == "/*" || under(pattern, path) && !suspicious(path) {
			return true
		}
	}
	return false
}
