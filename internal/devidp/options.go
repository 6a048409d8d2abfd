package devidp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Errors of New. They come joined and wrapped with the option's name.
var (
	// ErrNotLoopback refuses a host that a network could reach.
	ErrNotLoopback = errors.New("this server is for development: the host must be localhost, *.localhost or a loopback address")
	// ErrNotOrigin refuses what is not scheme://host[:port].
	ErrNotOrigin = errors.New("not an origin: write scheme://host[:port] in lower case, without a path")
	// ErrBadRedirect refuses a redirect URI that is relative or has a fragment.
	ErrBadRedirect = errors.New("not a redirect URI: write an absolute http or https URL without a fragment")
	// ErrBadClient refuses a client without an ID or a second one with the same.
	ErrBadClient = errors.New("client IDs must be present and unique")
	// ErrBadAccount refuses an account without a name or a second one with the same.
	ErrBadAccount = errors.New("account names must be present and unique")
	// ErrBadResource refuses a resource that the API cannot be divided by.
	ErrBadResource = errors.New("a resource has a path of its own, /name/ but not /public/, and an absolute http or https URL without a fragment")
	// ErrBadLifetime refuses a negative lifetime.
	ErrBadLifetime = errors.New("a lifetime must be positive")
)

// Lifetimes where Options names none.
const (
	defaultAccessTTL  = 5 * time.Minute
	defaultRefreshTTL = time.Hour
	defaultSessionTTL = 8 * time.Hour

	defaultProofWindow = 5 * time.Minute
)

// Options say who the server is and whom it serves.
type Options struct {
	Issuer       string   // origin of the authorization server
	APIOrigin    string   // origin of the API; the audience of access tokens that are for no Resource
	AllowOrigins []string // origins that CORS and frame-ancestors admit: app and vault
	Clients      []Client

	Resources   []Resource    // parts of the API with an audience of their own
	Accounts    []Account     // default: DefaultAccount and SecondAccount
	AccessTTL   time.Duration // default 5 minutes
	RefreshTTL  time.Duration // default 1 hour
	SessionTTL  time.Duration // default 8 hours
	ProofWindow time.Duration // how far a DPoP proof's iat may be from now; default 5 minutes
	Now         func() time.Time
}

// Client is a public OAuth client: it has no secret and must use PKCE.
type Client struct {
	ID                     string
	RedirectURIs           []string // compared as strings
	PostLogoutRedirectURIs []string // compared as strings

	RequirePAR  bool // refuse authorization requests that were not pushed (RFC 9126)
	RequireDPoP bool // refuse token requests without a DPoP proof (RFC 9449)

	// FrontChannelLogoutURI is framed when a session ends in which this client had
	// somebody sign in; with iss and sid, if the session is required.
	FrontChannelLogoutURI             string
	FrontChannelLogoutSessionRequired bool
}

// Account is somebody who can sign in.
type Account struct {
	Username string
	Password string // shown on the sign-in page
	Name     string
	Email    string
}

// DefaultAccount is the first account of a server whose Options name none.
func DefaultAccount() Account {
	return Account{Username: "alice", Password: "wonderland", Name: "Alice Liddell", Email: "alice@example.com"}
}

// SecondAccount is for tests in which the person changes.
func SecondAccount() Account {
	return Account{Username: "hatter", Password: "teatime", Name: "Mad Hatter", Email: "hatter@example.com"}
}

// subject is the account's sub: stable, and not the name itself, so that a client
// which mixes the two up is found out.
func (a Account) subject() string { return "user-" + a.Username }

// complete fills the defaults in and reports everything that is wrong at once.
func (o *Options) complete() error {
	var problems []error
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
		}
	}
	note("Issuer", checkLoopbackOrigin(o.Issuer))
	note("APIOrigin", checkLoopbackOrigin(o.APIOrigin))
	for i, origin := range o.AllowOrigins {
		_, err := parseOrigin(origin)
		note(fmt.Sprintf("AllowOrigins[%d]", i), err)
	}
	clients := map[string]bool{"": true}
	for i, c := range o.Clients {
		key := fmt.Sprintf("Clients[%d]", i)
		if clients[c.ID] {
			note(key, ErrBadClient)
		}
		clients[c.ID] = true
		for _, uri := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
			note(key, checkRedirect(uri))
		}
		if c.FrontChannelLogoutURI != "" {
			note(key, checkRedirect(c.FrontChannelLogoutURI))
		}
	}
	paths := map[string]bool{"/public/": true}
	for i, r := range o.Resources {
		key := fmt.Sprintf("Resources[%d]", i)
		if name, ok := strings.CutPrefix(r.Path, "/"); !ok || paths[r.Path] || !isRealmName(strings.TrimSuffix(name, "/")) || !strings.HasSuffix(name, "/") || checkRedirect(r.URI) != nil {
			note(key, fmt.Errorf("%w: %q, %q", ErrBadResource, r.Path, r.URI))
		}
		paths[r.Path] = true
	}
	if len(o.Accounts) == 0 {
		o.Accounts = []Account{DefaultAccount(), SecondAccount()}
	}
	names := map[string]bool{"": true}
	for i, a := range o.Accounts {
		if names[a.Username] {
			note(fmt.Sprintf("Accounts[%d]", i), ErrBadAccount)
		}
		names[a.Username] = true
	}
	note("AccessTTL", lifetime(&o.AccessTTL, defaultAccessTTL))
	note("RefreshTTL", lifetime(&o.RefreshTTL, defaultRefreshTTL))
	note("SessionTTL", lifetime(&o.SessionTTL, defaultSessionTTL))
	note("ProofWindow", lifetime(&o.ProofWindow, defaultProofWindow))
	if o.Now == nil {
		o.Now = time.Now
	}
	return errors.Join(problems...)
}

func lifetime(d *time.Duration, fallback time.Duration) error {
	if *d < 0 {
		return ErrBadLifetime
	}
	if *d == 0 {
		*d = fallback
	}
	return nil
}

// parseOrigin accepts exactly what a browser would send as Origin.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOrigin, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || s != strings.ToLower(u.Scheme+"://"+u.Host) {
		return nil, fmt.Errorf("%w: %q", ErrNotOrigin, s)
	}
	return u, nil
}

func checkLoopbackOrigin(s string) error {
	u, err := parseOrigin(s)
	if err != nil {
		return err
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%w: %q", ErrNotLoopback, s)
	}
	return nil
}

func checkRedirect(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadRedirect, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Contains(s, "#") {
		return fmt.Errorf("%w: %q", ErrBadRedirect, s)
	}
	return nil
}
