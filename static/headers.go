package static

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"tokenvault/internal/policy"
)

// Header is one line of a response's head.
type Header struct{ Name, Value string }

// Values of Cache-Control.
const (
	// CacheForever is for names that change with their content.
	CacheForever = "max-age=31536000, immutable"
	// NoStore is for every other answer of the vault: a new version counts
	// at once, and nothing of the vault stays in a cache.
	NoStore = "no-store"
	// NoCache is for every other file of the app: kept, but asked for again.
	NoCache = "no-cache"
)

// Names that do not change with their content, because others refer to them.
const (
	// WorkerName is the service worker: its URL identifies the registration.
	WorkerName = "interceptor.js"
	// FrameName is the page in the vault's iframe.
	FrameName = "proxy.html"
)

// HashedPattern matches, as a path, the names that [HashedName] makes. It is
// written in the subset that RE2 (Go, Caddy) and PCRE (nginx) share.
const HashedPattern = `\.[0-9a-f]{16}\.(css|js|wasm)$`

var hashed = regexp.MustCompile(HashedPattern)

// Hashed reports whether a file's name changes with its content.
func Hashed(name string) bool { return hashed.MatchString(name) }

// HashedName puts the first 16 digits of the content's hexadecimal SHA-256
// before the last extension of a name.
func HashedName(name, sum string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + sum[:16] + ext
}

// VaultHeaders are the headers of an answer of the vault origin, without
// Cache-Control; name is the file's, and may be one that is not there. They are the
// browser's half of the boundary:
//
//   - default-src 'none' and connect-src: the vault loads its own files and
//     talks to the configured servers, so the browser is a second allow-list
//     below the policy, and the only one for where redirects lead;
//   - frame-ancestors: only the app may frame the vault, nobody its [Pages], and
//     only the authorization servers the page of front-channel logout;
//   - trusted types: no string becomes markup or code in the vault;
//   - Origin-Agent-Cluster: the same-site app neither shares the vault's
//     process nor reaches it by document.domain;
//   - same-site and not same-origin resources: the app of the parent domain
//     must be able to load the frame.
func VaultHeaders(table *policy.Table, name string) []Header {
	switch pages := Pages(table); {
	case !slices.Contains(pages, name):
		return vaultHeaders(table, false, table.AppOrigin)
	case TopLevel(name):
		return vaultHeaders(table, true, "'none'")
	default:
		return vaultHeaders(table, true, strings.Join(logoutAncestors(table), " "))
	}
}

// VaultHeadersOfAll are the headers that no file of the vault origin is stricter than:
// for servers that add those of a path to those of all. Browsers enforce each of two
// policies.
func VaultHeadersOfAll(table *policy.Table) []Header {
	if len(Pages(table)) == 0 {
		return VaultHeaders(table, "")
	}
	return vaultHeaders(table, true, strings.Join(append([]string{table.AppOrigin}, logoutAncestors(table)...), " "))
}

// logoutAncestors are the origins whose pages tell the vault that a session of theirs
// has ended (OpenID Connect Front-Channel Logout §2).
func logoutAncestors(table *policy.Table) []string {
	var origins []string
	for i := range table.Clients {
		client := &table.Clients[i]
		if !client.OwnsSignIn() {
			continue
		}
		for _, origin := range []string{originOf(client.Issuer), client.EndSession.Origin} {
			if origin != "" && !slices.Contains(origins, origin) {
				origins = append(origins, origin)
			}
		}
	}
	return origins
}

// originOf returns the origin of an issuer, as a source of a policy.
func originOf(issuer string) string {
	scheme, rest, _ := strings.Cut(issuer, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority
}

func vaultHeaders(table *policy.Table, styled bool, ancestors string) []Header {
	directives := []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'"}
	if styled {
		directives = append(directives, "style-src 'self'")
	}
	directives = append(directives,
		connectSrc(table.ConnectOrigins()),
		"frame-ancestors "+ancestors,
		"base-uri 'none'",
		"form-action 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	)
	headers := []Header{
		{policyName, strings.Join(directives, "; ")},
		{"Origin-Agent-Cluster", "?1"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Embedder-Policy", "require-corp"},
		{"Cross-Origin-Resource-Policy", "same-site"},
		{"Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()"},
		{"Referrer-Policy", "no-referrer"},
		noSniff,
	}
	if strings.HasPrefix(table.VaultOrigin, "https://") {
		headers = append(headers, Header{"Strict-Transport-Security", "max-age=63072000; includeSubDomains"})
	}
	return headers
}

// WorkerHeaders are the headers of our service worker's script in the app
// origin, without Cache-Control. A worker has the policy of its own script, not
// of the pages it controls: so WebAssembly is allowed here and nowhere else in
// the app origin. The worker sends requests to the configured origins itself
// while the policy is not loaded yet.
func WorkerHeaders(table *policy.Table) []Header {
	return []Header{
		{policyName, strings.Join([]string{
			"default-src 'none'",
			"script-src 'self' 'wasm-unsafe-eval'",
			connectSrc(table.Origins()),
		}, "; ")},
		noSniff,
	}
}

// AppHeaders are the headers of our other files in the app origin, without
// Cache-Control. The app's own pages and their policy are the app's: see
// [FramePolicy] for what Token Vault needs of it.
func AppHeaders() []Header { return []Header{noSniff} }

// FramePolicy is the directive that the Content-Security-Policy of the app's
// pages needs, where they have one.
func FramePolicy(table *policy.Table) string { return "frame-src " + table.VaultOrigin }

// ScopeHeaders are the additional headers of the script that the app registers
// as its service worker, ours or one that imports ours: a scope outside the
// script's own directory needs the server's leave.
func ScopeHeaders(worker, scope string) []Header {
	directory := worker[:strings.LastIndexByte(worker, '/')+1]
	if scope == "" || strings.HasPrefix(scope, directory) {
		return nil
	}
	return []Header{{"Service-Worker-Allowed", scope}}
}

const policyName = "Content-Security-Policy"

var noSniff = Header{"X-Content-Type-Options", "nosniff"}

func connectSrc(origins []string) string {
	return strings.Join(append([]string{"connect-src 'self'"}, origins...), " ")
}
