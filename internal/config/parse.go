package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tokenvault/internal/policy"
)

const (
	defaultWorker         = "/interceptor.js"
	defaultScope          = "/"
	defaultRequestTimeout = 30 * time.Second
	defaultRefreshBefore  = 30 * time.Second

	minRequestTimeout = 100 * time.Millisecond
	maxDuration       = time.Hour
)

func defaultMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
}

// requiredRedact is what the page must never see.
func requiredRedact() []string { return []string{"access_token", "refresh_token"} }

// Parse reads a configuration. The error joins a [KeyError] for each fault.
func Parse(data []byte) (*Config, error) {
	p := &problems{}
	tree, err := parseTree(data, p)
	if err != nil {
		return nil, err
	}
	config, app, vault := parseConfig(tree, p)
	if err := p.err(); err != nil {
		return nil, err
	}
	// The checks across keys make sense only of keys that are right by themselves.
	checkSites(app, vault, p)
	checkNames(config, p)
	checkClaims(config, p)
	checkRedirectOrigins(config, p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return config, nil
}

func parseConfig(tree *value, p *problems) (config *Config, app, vault site) {
	config = &Config{}
	root := asObject(tree, p)
	config.App, app = parseApp(root, p)
	config.Vault, vault = parseVault(root, p)
	config.RequestTimeout = parseDuration(root, "requestTimeout", defaultRequestTimeout, minRequestTimeout)
	clients, ok := asArray(root.need("clients", `add "clients": [ { … } ]`), p)
	if ok && len(clients) == 0 {
		p.add("clients", "is empty", "add at least one client")
	}
	for _, v := range clients {
		config.Clients = append(config.Clients, parseClient(asObject(v, p), p))
	}
	config.RedirectOrigins = parseOrigins(root.take("redirectOrigins"), "https://storage.example.net", p)
	parsePages(root, config, p)
	root.close()
	return config, app, vault
}

func parseApp(root *object, p *problems) (app App, at site) {
	app = App{Worker: defaultWorker, Scope: defaultScope}
	v := root.need("app", `add "app": { "origin": "https://app.example.com" }`)
	if v == nil {
		return app, at
	}
	o := asObject(v, p)
	app.Origin, at = parseSite(o, "https://app.example.com", p)
	if worker, ok := o.optional("worker"); ok {
		app.Worker = worker
		checkAppPath(o.key("worker"), worker, defaultWorker, p)
	}
	if scope, ok := o.optional("scope"); ok {
		app.Scope = scope
		checkAppPath(o.key("scope"), scope, defaultScope, p)
	}
	o.close()
	return app, at
}

func checkAppPath(key, path, example string, p *problems) {
	switch {
	case !strings.HasPrefix(path, "/"):
		p.add(key, "is not an absolute path", "write a path of the app origin, such as "+example)
	case strings.Contains(path, "*"):
		p.add(key, "has a star", "write the path alone")
	default:
		if f := checkPath(path); f != nil {
			p.addFault(key, f)
		}
	}
}

func parseVault(root *object, p *problems) (vault Vault, at site) {
	v := root.need("vault", `add "vault": { "origin": "https://vault.example.com" }`)
	if v == nil {
		return vault, at
	}
	o := asObject(v, p)
	vault.Origin, at = parseSite(o, "https://vault.example.com", p)
	o.close()
	return vault, at
}

// parseSite reads the origin of the app or of the vault.
func parseSite(o *object, example string, p *problems) (origin string, at site) {
	origin, ok := o.required("origin", "write an origin, such as "+example)
	if !ok {
		return "", site{}
	}
	u, f := parseOrigin(origin, example)
	if f == nil {
		at, f = newSite(u)
	}
	if f != nil {
		p.addFault(o.key("origin"), f)
	}
	return origin, at
}

func parseDuration(o *object, name string, standard, least time.Duration) time.Duration {
	text, ok := o.optional(name)
	if !ok {
		return standard
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		o.p.add(o.key(name), "is not a duration", `write a number with its unit, such as "30s" or "1m30s"`)
	case d < least || d > maxDuration:
		o.p.add(o.key(name), "is out of range", fmt.Sprintf("write a duration from %s to %s", least, maxDuration))
	case d != d.Truncate(time.Millisecond):
		o.p.add(o.key(name), "is finer than a millisecond", "round it")
	}
	return d
}

func parseClient(o *object, p *problems) Client {
	c := Client{}
	if name, ok := o.required("name", `write a short name, such as "main"`); ok {
		c.Name = name
		if !validName(name) {
			p.add(o.key("name"), "is not a plain name", "write up to 64 of a–z, A–Z, 0–9, - and _")
		}
	}
	if id, ok := o.required("clientId", "write the client_id that is registered at the authorization server"); ok {
		c.ClientID = id
		if strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
			p.add(o.key("clientId"), "has a character that a client_id cannot have", "write it as it is registered (RFC 6749, appendix A.1)")
		}
	}
	if scope, ok := o.optional("scope"); ok {
		c.Scope = scope
		if f := scopeFault(scope); f != nil {
			p.addFault(o.key("scope"), f)
		}
	}
	mode := parseMode(o, p)
	c.SignIn.ByVault = mode == modeVault
	parseSignIn(o, &c, mode, p)
	parseServer(o, &c, mode, p)
	c.DPoP = o.flag("dpop")
	c.Redact = parseRedact(o, mode, p)
	c.RefreshBefore = parseDuration(o, "refreshBefore", defaultRefreshBefore, 0)
	parseResources(o, &c, mode, p)
	o.close()
	return c
}

func validName(name string) bool {
	plain := !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	return plain && len(name) <= 64
}

// scopeFault checks RFC 6749 §3.3.
func scopeFault(scope string) *fault {
	var seen []string
	for token := range strings.SplitSeq(scope, " ") {
		switch {
		case token == "":
			return &fault{"is empty, or has a space too many", "separate the scopes by one space, or leave out the key"}
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }):
			return &fault{"has a character that a scope cannot have", "separate the scopes by one space; no quotes, no backslashes (RFC 6749 §3.3)"}
		case slices.Contains(seen, token):
			return &fault{fmt.Sprintf("has %q twice", token), "keep one"}
		}
		seen = append(seen, token)
	}
	return nil
}

// source is where a client's endpoints come from.
type source uint8

const (
	fromNowhere source = iota
	fromEndpoints
	fromPingAM
	fromDiscovery
)

// key names the key to blame for an endpoint.
func (s source) key(client int, endpoint string) string {
	at := fmt.Sprintf("clients[%d]", client)
	switch s {
	case fromEndpoints:
		return at + ".endpoints." + endpoint
	case fromPingAM:
		return at + ".pingam"
	default:
		return at + ".issuer"
	}
}

// parseServer reads issuer, endpoints, pingam and endpointOrigins.
func parseServer(o *object, c *Client, mode mode, p *problems) {
	issuer := o.take("issuer")
	if text, ok := asString(issuer, p); ok {
		c.Issuer = text
		if f := parseIssuer(text); f != nil {
			p.addFault(issuer.key, f)
		}
	}
	endpoints, preset := o.take("endpoints"), o.take("pingam")
	switch {
	case endpoints != nil && preset != nil:
		p.add(o.key("pingam"), "stands beside endpoints", "keep one of the two")
	case endpoints != nil:
		c.source = fromEndpoints
		c.Endpoints = parseEndpoints(asObject(endpoints, p), c, mode, p)
		if mode == modeVault && issuer == nil {
			p.add(o.key("issuer"), "is missing", "write the issuer exactly as the server names itself: the vault compares it with the answers")
		}
	case preset != nil:
		c.source = fromPingAM
		parsePingAM(asObject(preset, p), c, p)
	case issuer == nil && o.isObject():
		p.add(o.key("issuer"), "is missing", "write the issuer to find the endpoints by discovery, or add endpoints or pingam")
	default:
		c.source = fromDiscovery
	}
	origins := o.take("endpointOrigins")
	c.EndpointOrigins = parseOrigins(origins, "https://token.example.com", p)
	if origins != nil && (endpoints != nil || preset != nil) {
		p.add(origins.key, "stands beside endpoints that are not found by discovery", "remove it")
	}
}

func parseEndpoints(o *object, c *Client, mode mode, p *problems) Endpoints {
	var e Endpoints
	const mend = "write the URL of the token endpoint, such as https://auth.example.com/token"
	if text, ok := o.required("token", mend); ok {
		e.Token = endpointKey(o.key("token"), text, p)
	}
	for name, endpoint := range e.others() {
		if text, ok := o.optional(name); ok {
			*endpoint = endpointKey(o.key(name), text, p)
		}
	}
	parseSignInEndpoints(o, &e, c, mode, p)
	o.close()
	return e
}

func endpointKey(key, text string, p *problems) policy.Endpoint {
	e, f := parseEndpoint(text)
	if f != nil {
		p.addFault(key, f)
	}
	return e
}

// others yields the endpoints that a server may lack, by their keys.
func (e *Endpoints) others() func(yield func(string, *policy.Endpoint) bool) {
	return func(yield func(string, *policy.Endpoint) bool) {
		_ = yield("revocation", &e.Revocation) &&
			yield("userinfo", &e.UserInfo) &&
			yield("endSession", &e.EndSession)
	}
}

func parseRedact(o *object, mode mode, p *problems) []string {
	required := requiredRedact()
	if mode == modeVault {
		required = append(required, "id_token")
	}
	items, ok := asArray(o.take("redact"), p)
	if !ok {
		return required
	}
	var redact []string
	for _, item := range items {
		name, ok := asString(item, p)
		switch {
		case !ok:
		case !slices.Contains([]string{"access_token", "refresh_token", "id_token"}, name):
			p.add(item.key, fmt.Sprintf("names %q, which is not a token", name), "choose from access_token, refresh_token, id_token")
		case slices.Contains(redact, name):
			p.add(item.key, fmt.Sprintf("names %q twice", name), "keep one")
		}
		redact = append(redact, name)
	}
	for _, name := range required {
		switch {
		case slices.Contains(redact, name):
		case name == "id_token":
			p.add(o.key("redact"), "does not name id_token", `add it: with "signIn": "vault" the app reads the claims that "claims" names`)
		default:
			p.add(o.key("redact"), "does not name "+name, "add it: a vault that hands a token to the page is none")
		}
	}
	return redact
}

func parseResources(o *object, c *Client, mode mode, p *problems) {
	items, _ := asArray(o.take("resources"), p)
	for _, item := range items {
		r := asObject(item, p)
		rule := policy.Rule{}
		if text, ok := r.required("url", "write a URL, such as https://api.example.com/v1/*"); ok {
			var f *fault
			rule.Origin, rule.Path, f = parsePattern(text)
			if f != nil {
				p.addFault(r.key("url"), f)
			}
		}
		rule.Methods = parseMethods(r, p)
		rule.Indicator = parseIndicator(r.take("resource"), mode, p)
		r.close()
		if i := len(c.Resources); i > 0 && (rule.Indicator == "") != (c.Resources[0].Indicator == "") {
			p.add(r.key("resource"), "stands in some resources of the client and not in others",
				"give it to all: a server that grants several resources has no token without one")
		}
		c.Resources = append(c.Resources, rule)
	}
}

// parseOrigins reads a list of distinct origins. example is shown to who has left
// out the scheme.
func parseOrigins(v *value, example string, p *problems) []string {
	items, _ := asArray(v, p)
	var origins []string
	for _, item := range items {
		origin, ok := asString(item, p)
		if !ok {
			continue
		}
		if _, f := parseOrigin(origin, example); f != nil {
			p.addFault(item.key, f)
		} else if slices.Contains(origins, origin) {
			p.add(item.key, fmt.Sprintf("names %s twice", origin), "keep one")
		}
		origins = append(origins, origin)
	}
	return origins
}

func parseMethods(o *object, p *problems) []string {
	items, ok := asArray(o.take("methods"), p)
	if !ok {
		return defaultMethods()
	}
	if len(items) == 0 {
		p.add(o.key("methods"), "is empty", "name the methods, or leave out the key for "+strings.Join(defaultMethods(), ", "))
	}
	var methods []string
	for _, item := range items {
		method, ok := asString(item, p)
		if !ok {
			continue
		}
		if f := methodFault(method); f != nil {
			p.addFault(item.key, f)
		} else if slices.Contains(methods, method) {
			p.add(item.key, fmt.Sprintf("names %s twice", method), "keep one")
		}
		methods = append(methods, method)
	}
	return methods
}

func methodFault(method string) *fault {
	upper := strings.ToUpper(method)
	switch {
	case method == "" || strings.Trim(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
		return &fault{fmt.Sprintf("%q is not a method", method), "write an HTTP method, such as GET"}
	case upper != method:
		return &fault{"is in lower case", "write " + upper}
	case slices.Contains([]string{"CONNECT", "TRACE", "TRACK"}, method):
		return &fault{"is a method that browsers do not send", "remove it"}
	default:
		return nil
	}
}
