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
}

// Discover fills in the endpoints of every client that has an issuer alone. It
// asks for OpenID Connect's document first and for RFC 8414's where there is
// none, follows no redirect, and believes a document only if it names the very
// issuer that the configuration does (RFC 8414 §3.3). The configuration changes
// only if everything is right. Deadlines are the context's.
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
	}
	if p.err() == nil {
		checkClaims(&found, p)
		checkRedirectOrigins(&found, p)
	}
	if err := p.err(); err != nil {
		return fmt.Errorf("%w:\n%w", ErrDiscovery, err)
	}
	config.Clients = found.Clients
	return nil
}

// endpoints checks the document's URLs the way written ones are.
func (m *metadata) endpoints(key, at string, p *problems) Endpoints {
	var e Endpoints
	read := func(into *policy.Endpoint, name, text string) {
		endpoint, f := parseEndpoint(text)
		if f != nil {
			p.add(key, fmt.Sprintf("%s of %s %s", name, at, f.problem),
				"have the server corrected, or write the endpoints into the configuration")
		}
		*into = endpoint
	}
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
