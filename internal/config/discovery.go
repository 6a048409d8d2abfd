package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"tokenvault/internal/policy"
)

// ErrDiscovery is what every error about a discovery document is.
var ErrDiscovery = errors.New("discovery failed")

// errNoDocument: there is nothing at this URL; another may have it.
var errNoDocument = errors.New("no document")

// metadata is what is used of an authorization server's metadata (RFC 8414 §2,
// OpenID Connect Discovery 1.0 §3, OpenID Connect RP-Initiated Logout 1.0 §2.1).
type metadata struct {
	Issuer     string `json:"issuer"`
	Token      string `json:"token_endpoint"`
	Revocation string `json:"revocation_endpoint"`
	UserInfo   string `json:"userinfo_endpoint"`
	EndSession string `json:"end_session_endpoint"`

	Authorization string `json:"authorization_endpoint"`
	Keys          string `json:"jwks_uri"`
	Pushed        string `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5

	RequiresPushed bool `json:"require_pushed_authorization_requests"`          // RFC 9126 §5
	SendsIssuer    bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3

	ChallengeMethods  []string `json:"code_challenge_methods_supported"`
	ProofAlgorithms   []string `json:"dpop_signing_alg_values_supported"` // RFC 9449 §5.1
	IDTokenAlgorithms []string `json:"id_token_signing_alg_values_supported"`
}

// Discover fills in the endpoints of every client that has an issuer alone. It
// asks for OpenID Connect's document first and for RFC 8414's where there is
// none, follows no redirect, and believes a document only if it names the very
// issuer that the configuration does (RFC 8414 §3.3), and endpoints at the issuer's
// origin or those that the configuration adds. The configuration changes only if
// everything is right. Deadlines are the context's.
func Discover(ctx context.Context, client *http.Client, config *Config) error {
	still := *client
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	found := *config
	found.Clients = slices.Clone(config.Clients)
	p := &problems{}
	for i := range found.Clients {
		if !needsDiscovery(found.Clients[i]) {
			continue
		}
		c := &found.Clients[i]
		key := c.source.key(i, "")
		document, at, err := fetchMetadata(ctx, &still, c.Issuer)
		if err != nil {
			p.list = append(p.list, fmt.Errorf("%s: %w", key, err))
			continue
		}
		c.Endpoints = document.endpoints(key, at, p)
		document.complete(c, i, at, p)
	}
	if p.err() == nil {
		checkClaims(&found, p)
		checkRedirectOrigins(&found, p)
		for i := range found.Clients {
			if needsDiscovery(config.Clients[i]) {
				checkEndpointOrigins(&found.Clients[i], i, p)
			}
		}
	}
	if err := p.err(); err != nil {
		return fmt.Errorf("%w:\n%w", ErrDiscovery, err)
	}
	config.Clients = found.Clients
	return nil
}

// readEndpoint checks one of the document's URLs the way a written one is.
func readEndpoint(into *policy.Endpoint, key, at, name, text string, p *problems) {
	endpoint, f := parseEndpoint(text)
	if f != nil {
		p.add(key, fmt.Sprintf("%s of %s %s", name, at, f.problem),
			"have the server corrected, or write the endpoints into the configuration")
	}
	*into = endpoint
}

// endpoints are those that every client uses.
func (m *metadata) endpoints(key, at string, p *problems) Endpoints {
	var e Endpoints
	read := func(into *policy.Endpoint, name, text string) { readEndpoint(into, key, at, name, text, p) }
	read(&e.Token, "token_endpoint", m.Token)
	if m.Revocation != "" {
		read(&e.Revocation, "revocation_endpoint", m.Revocation)
	}
	if m.UserInfo != "" {
		read(&e.UserInfo, "userinfo_endpoint", m.UserInfo)
	}
	if m.EndSession != "" {
		read(&e.EndSession, "end_session_endpoint", m.EndSession)
	}
	return e
}

// complete takes from the document what a sign-in by the vault and DPoP need, and
// refuses a server that cannot do what they do.
func (m *metadata) complete(c *Client, client int, at string, p *problems) {
	key := c.source.key(client, "")
	flagKey := func(name string) string { return fmt.Sprintf("clients[%d].%s", client, name) }
	if c.DPoP && m.ProofAlgorithms != nil && !slices.Contains(m.ProofAlgorithms, "ES256") {
		p.add(flagKey("dpop"), fmt.Sprintf("needs ES256, which dpop_signing_alg_values_supported of %s does not name", at),
			"allow ES256 at the server, or remove the key")
	}
	if !c.SignIn.ByVault {
		return
	}
	readEndpoint(&c.Endpoints.Authorization, key, at, "authorization_endpoint", m.Authorization, p)
	readEndpoint(&c.Endpoints.Keys, key, at, "jwks_uri", m.Keys, p)
	c.SignIn.RequireIssuer = c.SignIn.RequireIssuer || m.SendsIssuer
	switch {
	case c.SignIn.Pushed && m.Pushed == "":
		p.add(flagKey("par"), fmt.Sprintf("needs a pushed_authorization_request_endpoint, which %s does not have", at),
			"turn pushed authorization requests on at the server, or remove the key")
	case c.SignIn.Pushed, m.RequiresPushed:
		c.SignIn.Pushed = true
		readEndpoint(&c.Endpoints.Pushed, key, at, "pushed_authorization_request_endpoint", m.Pushed, p)
	}
	if m.ChallengeMethods != nil && !slices.Contains(m.ChallengeMethods, "S256") {
		p.add(key, fmt.Sprintf("code_challenge_methods_supported of %s does not name S256", at),
			`allow PKCE with S256 at the server: "signIn": "vault" uses nothing less`)
	}
	if m.IDTokenAlgorithms != nil && !slices.ContainsFunc(m.IDTokenAlgorithms, isIDTokenAlgorithm) {
		p.add(key, fmt.Sprintf("id_token_signing_alg_values_supported of %s names none that the vault checks", at),
			"have the server sign with one of "+strings.Join(idTokenAlgorithms(), ", "))
	}
}

// idTokenAlgorithms are those of signatures that the vault checks (RFC 7518 §3.1, RFC
// 8037 §3.1, RFC 9864 §2.2).
func idTokenAlgorithms() []string { return []string{"RS256", "PS256", "ES256", "EdDSA", "Ed25519"} }

func isIDTokenAlgorithm(name string) bool { return slices.Contains(idTokenAlgorithms(), name) }

// checkEndpointOrigins finds endpoints at origins that the configuration does not
// vouch for: whoever can write the document could name a server of their own.
func checkEndpointOrigins(c *Client, client int, p *problems) {
	own := issuerOrigin(c.Issuer)
	var strange []string
	for _, e := range c.Endpoints.all() {
		if e.Origin != "" && e.Origin != own && !slices.Contains(c.EndpointOrigins, e.Origin) && !slices.Contains(strange, e.Origin) {
			strange = append(strange, e.Origin)
		}
	}
	if len(strange) > 0 {
		p.add(c.source.key(client, ""), "has endpoints at other origins than its own: "+strings.Join(strange, ", "),
			fmt.Sprintf("if they are the server's, add \"endpointOrigins\": [\"%s\"]", strings.Join(strange, `", "`)))
	}
}

// all are all endpoints, in the order of the struct.
func (e *Endpoints) all() [7]policy.Endpoint {
	return [...]policy.Endpoint{e.Token, e.Revocation, e.UserInfo, e.EndSession, e.Authorization, e.Keys, e.Pushed}
}

// metadataURLs are where an issuer's document may be: below its path (OpenID
// Connect Discovery §4), or between its host and its path (RFC 8414 §3.1).
func metadataURLs(issuer string) []string {
	issuer = strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(issuer, "://")
	host, path, hasPath := strings.Cut(rest, "/")
	inserted := scheme + "://" + host + "/.well-known/oauth-authorization-server"
	if hasPath {
		inserted += "/" + path
	}
	return []string{issuer + "/.well-known/openid-configuration", inserted}
}

// fetchMetadata returns an issuer's document and where it was.
func fetchMetadata(ctx context.Context, client *http.Client, issuer string) (*metadata, string, error) {
	var missing []error
	for _, at := range metadataURLs(issuer) {
		document, err := fetchDocument(ctx, client, at)
		switch {
		case errors.Is(err, errNoDocument):
			missing = append(missing, err)
		case err != nil:
			return nil, "", fmt.Errorf("%w; is the server up, and the issuer right?", err)
		case document.Issuer != issuer:
			return nil, "", &KeyError{
				Problem: fmt.Sprintf("the document at %s is of issuer %q, not %q", at, document.Issuer, issuer),
				Mend:    "write the issuer exactly as the server names itself, if that is the server you mean",
			}
		default:
			return document, at, nil
		}
	}
	return nil, "", fmt.Errorf("%w; correct the issuer, or write the endpoints into the configuration", errors.Join(missing...))
}

func fetchDocument(ctx context.Context, client *http.Client, at string) (_ *metadata, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w at %s: status %s", errNoDocument, at, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	if len(body) > maxSize {
		return nil, fmt.Errorf("%s: larger than 1 MiB", at)
	}
	document := &metadata{}
	if err := json.Unmarshal(body, document); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return document, nil
}
