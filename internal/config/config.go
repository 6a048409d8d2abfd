// Package config reads tokenvault.json, the one place where a deployment says
// what its vault may do, and turns it into the policy table that is baked into
// the vault's files.
//
// It runs natively, at build time. A mistake found here costs a minute; the same
// mistake found in the browser is a token at the wrong host. So it trusts
// nothing it reads: an unknown or repeated key, an origin or URL that a browser
// would write in another way, a pattern wider than it looks, two clients that
// claim one URL, all are errors. Every error found is reported, not the first
// alone, and each is a [KeyError] that names the key and says the mend.
//
// What it refuses by design: http, except for *.localhost, where development
// lives; an app and a vault that do not share a registrable domain (their frames
// would be cross-site, with partitioned storage) or that share a host (they
// would share cookies and WebAuthn credentials); a redact list that would hand a
// token to the page.
//
// Endpoints come from one of three: written out, the PingAM preset, or the
// issuer's discovery document ([Discover]; OpenID Connect Discovery 1.0 §4, RFC
// 8414 §3), fetched when the vault is built and never at run time. A document is
// believed about its issuer's own origin, and others that the configuration names.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"tokenvault/internal/policy"
)

// ErrInvalid is what every error about the content of a configuration is.
var ErrInvalid = errors.New("invalid configuration")

// KeyError is one fault in a configuration.
type KeyError struct {
	Key     string // where: "clients[0].resources[1].url"; "" for the file itself
	Problem string // what is wrong: "has no origin"
	Mend    string // what to do: "write it in full, …"
}

func (e *KeyError) Error() string {
	if e.Key == "" {
		return e.Problem + "; " + e.Mend
	}
	return e.Key + ": " + e.Problem + "; " + e.Mend
}

// Unwrap makes every KeyError ErrInvalid.
func (e *KeyError) Unwrap() error { return ErrInvalid }

// Config is a validated configuration. [Parse] makes it; defaults are filled in.
type Config struct {
	App            App
	Vault          Vault
	RequestTimeout time.Duration // until the head of a response
	Clients        []Client
	// RedirectOrigins are those that a redirect may lead to beside the origins of
	// the clients. Nothing there gets a token.
	RedirectOrigins []string
	Pages           Pages
}

// App is the origin that is protected, and assumed hostile.
type App struct {
	Origin string
	Worker string // path of the service worker's script that the page registers
	Scope  string // the service worker's scope
}

// Vault is the origin that holds the tokens.
type Vault struct {
	Origin string
}

// Client is one OAuth client at one authorization server.
type Client struct {
	Name          string
	ClientID      string
	Scope         string
	Issuer        string
	Endpoints     Endpoints
	Redact        []string
	RefreshBefore time.Duration
	DPoP          bool
	SignIn        SignIn
	Resources     []policy.Rule
	// EndpointOrigins are those where discovery may find endpoints, beside the
	// issuer's own.
	EndpointOrigins []string

	source source // where Endpoints comes from, for error messages
}

// Endpoints are the URLs of an authorization server. A zero endpoint is one that
// the server does not have, or the vault no use for.
type Endpoints struct {
	Token, Revocation, UserInfo, EndSession policy.Endpoint

	Authorization, Keys, Pushed policy.Endpoint // of a sign-in by the vault
}

// SignIn says who signs a client in. All else in it is of a sign-in by the vault.
type SignIn struct {
	ByVault       bool // otherwise by the app
	Pushed        bool
	RequireIssuer bool
	ReturnTo      []string
	Claims        []string
	Parameters    []string
}

// Pages say how the vault's own pages speak, beside the texts that are built in.
type Pages struct {
	Language string                       // "": that of the browser
	Texts    map[string]map[string]string // by language and key
}

// NeedsDiscovery reports whether any client's endpoints are still to be found by
// [Discover]. A table made before that does not pass policy.Table.Check.
func (c *Config) NeedsDiscovery() bool {
	return slices.ContainsFunc(c.Clients, needsDiscovery)
}

func needsDiscovery(c Client) bool { return c.Endpoints.Token.IsZero() }

// SignsIn reports whether the vault signs any client in. It has pages of its own
// then.
func (c *Config) SignsIn() bool {
	return slices.ContainsFunc(c.Clients, func(client Client) bool { return client.SignIn.ByVault })
}

// Table compiles the policy table.
func (c *Config) Table() *policy.Table {
	t := &policy.Table{
		AppOrigin:   c.App.Origin,
		VaultOrigin: c.Vault.Origin,
		TimeoutMS:   c.RequestTimeout.Milliseconds(),

		RedirectOrigins: slices.Clone(c.RedirectOrigins),
	}
	for _, client := range c.Clients {
		compiled := policy.Client{
			Name:            client.Name,
			ID:              client.ClientID,
			Scope:           client.Scope,
			Issuer:          client.Issuer,
			Token:           client.Endpoints.Token,
			Revocation:      client.Endpoints.Revocation,
			UserInfo:        client.Endpoints.UserInfo,
			EndSession:      client.Endpoints.EndSession,
			Redact:          slices.Clone(client.Redact),
			RefreshBeforeMS: client.RefreshBefore.Milliseconds(),
			DPoP:            client.DPoP,
		}
		if s := client.SignIn; s.ByVault {
			compiled.SignIn = policy.SignIn{
				Authorization: client.Endpoints.Authorization,
				Pushed:        client.Endpoints.Pushed,
				Keys:          client.Endpoints.Keys,
				RequireIssuer: s.RequireIssuer,
				ReturnTo:      slices.Clone(s.ReturnTo),
				Claims:        slices.Clone(s.Claims),
				Parameters:    slices.Clone(s.Parameters),
			}
		}
		for _, r := range client.Resources {
			r.Methods = slices.Clone(r.Methods)
			compiled.Resources = append(compiled.Resources, r)
		}
		t.Clients = append(t.Clients, compiled)
	}
	return t
}

// maxSize bounds what is read, from a file and from a discovery document.
const maxSize = 1 << 20

// Load reads and parses a file.
func Load(path string) (_ *Config, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	config, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return config, nil
}
