package config

import (
	"fmt"
	"slices"
	"strings"

	"tokenvault/internal/policy"
)

// This file makes the checks that need more than one key.

// checkSites checks that the app and the vault are two hosts of one parent.
func checkSites(app, vault site, p *problems) {
	const key = "vault.origin"
	switch {
	case app.origin() == vault.origin():
		p.add(key, "equals app.origin", "give the vault a host of its own: another origin is its only wall")
		return
	case app.host == vault.host:
		p.add(key, "has the host of app.origin", "give the vault a host of its own: cookies and passkeys do not know ports")
	case app.scheme != vault.scheme:
		p.add(key, "has another scheme than app.origin", "use https for both")
	}
	if app.domain != vault.domain {
		mend := "use a host below " + app.domain + ", such as vault." + app.domain
		if app.host == app.domain && strings.HasSuffix(app.domain, ".localhost") {
			mend = "use hosts below one parent, such as app.example.localhost and vault.example.localhost"
		}
		p.add(key, "does not share a parent domain with app.origin", mend)
	}
}

func checkNames(c *Config, p *problems) {
	for i, client := range c.Clients {
		key := fmt.Sprintf("clients[%d].name", i)
		for j, other := range c.Clients {
			switch {
			case j < i && client.Name == other.Name:
				p.add(key, fmt.Sprintf("is the name of clients[%d] too", j), "give each client a name of its own")
			case j != i && client.Name == other.ClientID:
				p.add(key, fmt.Sprintf("is the clientId of clients[%d]", j), "choose another name: clients are found by both")
			}
		}
	}
}

// claim is a set of URLs that belong to a client.
type claim struct {
	key      string
	client   int
	clientID string
	resource bool
	endpoint string // which, unless resource
	origin   string
	path     string // may end in "/*"
	query    string
	anyQuery bool
}

func claims(c *Config) []claim {
	var list []claim
	for i := range c.Clients {
		client := &c.Clients[i]
		add := func(name string, e policy.Endpoint, anyQuery bool) {
			if !e.IsZero() {
				list = append(list, claim{
					key: client.source.key(i, name), client: i, clientID: client.ClientID, endpoint: name,
					origin: e.Origin, path: e.Path, query: e.Query, anyQuery: anyQuery,
				})
			}
		}
		add("token", client.Endpoints.Token, false)
		add("revocation", client.Endpoints.Revocation, false)
		add("userinfo", client.Endpoints.UserInfo, true)
		add("endSession", client.Endpoints.EndSession, true)
		add(authorizationName, client.Endpoints.Authorization, true)
		add("jwks", client.Endpoints.Keys, false)
		add("pushedAuthorization", client.Endpoints.Pushed, false)
		for j, r := range client.Resources {
			list = append(list, claim{
				key: fmt.Sprintf("clients[%d].resources[%d].url", i, j), client: i, resource: true,
				origin: r.Origin, path: r.Path, anyQuery: true,
			})
		}
	}
	return list
}

// checkClaims finds URLs claimed twice, and URLs at the vault.
func checkClaims(c *Config, p *problems) {
	list := claims(c)
	for i, a := range list {
		if a.origin == c.Vault.Origin {
			p.add(a.key, "is at the vault's own origin", "use another origin: the vault serves nothing but itself")
		}
		if a.origin == c.App.Origin && a.endpoint == authorizationName {
			p.add(a.key, "has the page where people sign in at the app's own origin", "use another origin: a script in the app could read that page")
		}
		for _, b := range list[:i] {
			switch {
			case !a.overlaps(b), a.shares(b):
			case a.client != b.client:
				p.add(a.key, "claims URLs that "+b.key+" claims for another client",
					"let each URL belong to one client, or nobody knows whose token it gets")
			case a.resource && b.resource:
				if a.path == b.path {
					p.add(a.key, "is the url of "+b.key+" too", "put all methods into one of the two")
				}
			case !a.resource && !b.resource:
				p.add(a.key, "has the URL "+a.origin+a.path+" twice", "give each endpoint its own, or leave out the one the server lacks")
			}
		}
	}
}

// checkRedirectOrigins finds origins that are no mere targets of redirects.
func checkRedirectOrigins(c *Config, p *problems) {
	list := claims(c)
	for i, origin := range c.RedirectOrigins {
		key := fmt.Sprintf("redirectOrigins[%d]", i)
		named := slices.IndexFunc(list, func(a claim) bool { return a.origin == origin && a.endpoint != authorizationName })
		switch {
		case origin == c.Vault.Origin:
			p.add(key, "is the vault's own origin", "remove it: the vault serves nothing but itself")
		case named >= 0:
			p.add(key, "is the origin of "+list[named].key+" already",
				"remove it: a redirect may lead to each origin that has a resource or an endpoint")
		case origin == c.App.Origin:
			p.add(key, "is the app's own origin", "remove it: the vault takes nothing from the app that it protects it from")
		}
	}
}

// shares reports whether two clients have the endpoint in common, as two clients
// of one authorization server do. A request to it names its client by client_id;
// a UserInfo request, which cannot, gets the token of the first that is signed in.
func (a claim) shares(b claim) bool {
	return a.client != b.client && a.clientID != b.clientID &&
		!a.resource && a.endpoint == b.endpoint &&
		a.path == b.path && a.query == b.query
}

func (a claim) overlaps(b claim) bool {
	if a.origin != b.origin || (!a.anyQuery && !b.anyQuery && a.query != b.query) {
		return false
	}
	return covers(a.path, b.path) || covers(b.path, a.path)
}

// covers reports whether pattern matches path, or all that a pattern path does.
func covers(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == path
}
