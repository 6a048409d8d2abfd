// Package interceptor decides for the service worker which requests go to the
// vault's frame.
//
// It routes; it never guards. The worker lives in the app origin, where a hostile
// script may replace it, so a verdict here is advice that saves a crossing: the
// proxy judges every forwarded request again, against its own copy of the same
// policy. A wrong "leave it" sends a request without a token; a wrong "forward"
// gets the answer to fetch it as usual. Neither gives anything away.
//
// The package imports neither fmt nor net/url: the binary is loaded with the
// first request of a worker's life, and the URL of a request has been parsed by
// the browser (WHATWG URL), whose serialisation is cut here, not parsed again.
package interceptor

import (
	"strings"

	"tokenvault/internal/policy"
)

// Route says what the worker does with a request.
type Route uint8

const (
	// Forward hands the request to the vault, whose verdict is law. It is the
	// zero value: what is in doubt is not sent past the vault.
	Forward Route = iota
	// Leave lets the browser handle the request as if there were no worker.
	Leave
)

// String returns the route's name.
func (r Route) String() string {
	if r == Leave {
		return "leave"
	}
	return "forward"
}

// Interceptor routes by one policy.
type Interceptor struct {
	table *policy.Table
}

// New makes an interceptor for a policy.
func New(table *policy.Table) *Interceptor { return &Interceptor{table: table} }

// Route judges a request by its method and its URL as Request.url has it. A
// request that the policy denies is forwarded, so that the app gets the vault's
// error, which names the cause.
func (i *Interceptor) Route(method, url string) Route {
	origin, path, query, ok := split(url)
	if !ok {
		return Leave
	}
	if i.table.Judge(origin, path, query, method).Kind == policy.Bypass {
		return Leave
	}
	return Forward
}

// split cuts a serialised http(s) URL (WHATWG URL §4.5) into origin, path and
// query. The serialiser has put it in the one form scheme://host[:port]/path; a
// URL with credentials is cut to an origin that no policy contains.
func split(url string) (origin, path, query string, ok bool) {
	scheme := strings.Index(url, "://")
	if scheme < 0 {
		return "", "", "", false
	}
	slash := strings.IndexByte(url[scheme+3:], '/')
	if slash < 0 {
		return "", "", "", false
	}
	slash += scheme + 3
	origin, path = url[:slash], url[slash:]
	path, _, _ = strings.Cut(path, "#")
	path, query, _ = strings.Cut(path, "?")
	return origin, path, query, true
}
