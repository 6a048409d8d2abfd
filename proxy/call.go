package proxy

import (
	"context"
	"strconv"
	"strings"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// Call performs one of protocol's Call… operations for the page and returns the
// fields of the result: "error", code, message; or "ok" and key/value pairs. It
// blocks. Nothing it returns is a token that the app may not see.
func (p *Proxy) Call(ctx context.Context, pairs []string) []string {
	c, ok := decodeCall(pairs)
	if !ok {
		return callError(protocol.CodeInvalidRequest, "The vault frame refused the message: it has not the fields of a call. Deploy app and vault from the same build.")
	}
	client, ok := p.clientNamed(c.client)
	if !ok {
		return callError(protocol.CodeUnknownClient, "No client of this name is configured. Name one of: "+p.clientNames()+".")
	}
	ctx, cancel := within(ctx, p.timeout())
	defer cancel()
	var err error
	switch c.operation {
	case protocol.CallStatus:
		return p.status(ctx, client)
	case protocol.CallRefresh:
		err = p.refreshNow(ctx, client)
	case protocol.CallClaims:
		return p.claims(ctx, client)
	case protocol.CallLogout:
		if client.OwnsSignIn() {
			return p.logoutOwned(ctx, client, c.everywhere)
		}
		err = p.logout(client)
	case protocol.CallRemove:
		err = p.forgetTokens(client)
	default:
		return callError(protocol.CodeInvalidRequest, "The vault frame knows no such call. Deploy app and vault from the same build.")
	}
	if err != nil {
		code, message := describe(client.Name, err)
		return callError(code, message)
	}
	return []string{"ok"}
}

// call is a decoded protocol.MessageCall.
type call struct {
	operation  string
	client     string // as the app named it; "" for the only one
	everywhere bool   // of a logout
}

// decodeCall reads a message strictly: each key once, none else.
func decodeCall(pairs []string) (c call, ok bool) {
	var version, kind string
	for i := 0; i+1 < len(pairs); i += 2 {
		for j := 0; j < i; j += 2 {
			if pairs[j] == pairs[i] {
				return call{}, false
			}
		}
		switch value := pairs[i+1]; pairs[i] {
		case "v":
			version = value
		case "type":
			kind = value
		case "call":
			c.operation = value
		case "client":
			c.client = value
		case "everywhere":
			c.everywhere = value == "true"
		default:
			return call{}, false
		}
	}
	return c, len(pairs)%2 == 0 && version == protocol.VersionText && kind == protocol.MessageCall && c.operation != ""
}

//go:noinline
func callError(code protocol.Code, message string) []string {
	return []string{"error", string(code), message}
}

// clientNamed finds a client by name or client_id. Without a name the only
// client is meant.
func (p *Proxy) clientNamed(name string) (*policy.Client, bool) {
	if name == "" {
		if len(p.table.Clients) == 1 {
			return &p.table.Clients[0], true
		}
		return nil, false
	}
	i, ok := p.table.ClientIndex(name)
	if !ok {
		return nil, false
	}
	return &p.table.Clients[i], true
}

func (p *Proxy) clientNames() string {
	names := make([]string, len(p.table.Clients))
	for i := range p.table.Clients {
		names[i] = p.table.Clients[i].Name
	}
	return strings.Join(names, ", ")
}

// status tells whether the client is signed in, and what of its tokens the app
// knows anyway.
func (p *Proxy) status(ctx context.Context, client *policy.Client) []string {
	current, err := p.sessions.load(ctx, client.Name)
	if err != nil {
		code, message := describe(client.Name, err)
		return callError(code, message)
	}
	if current == nil || !current.usable(p.clock()) {
		return []string{"ok", "signedIn", "false"}
	}
	result := []string{
		"ok", "signedIn", "true",
		"renewable", strconv.FormatBool(!current.refresh.IsZero()),
	}
	if !current.expiresAt.IsZero() {
		result = append(result, "expiresAt", strconv.FormatInt(current.expiresAt.UnixMilli(), 10))
	}
	if !contains(client.Redact, "id_token") && !current.id.IsZero() {
		result = append(result, "idToken", current.id.Expose()) // EXPOSE: the configuration does not redact the id_token, so the app has it
	}
	return result
}

// claims tells the claims of the id_token that the configuration lists, as a JSON
// object; nothing when nobody is signed in.
func (p *Proxy) claims(ctx context.Context, client *policy.Client) []string {
	current, err := p.sessions.load(ctx, client.Name)
	if err != nil {
		code, message := describe(client.Name, err)
		return callError(code, message)
	}
	if current == nil || !current.usable(p.clock()) {
		return []string{"ok"}
	}
	return []string{"ok", "claims", current.claims}
}

// logoutOwned signs out a client that the vault signs in, and tells the URL to go to
// if that is to end the session at the server too.
func (p *Proxy) logoutOwned(ctx context.Context, client *policy.Client, everywhere bool) []string {
	url, err := "", error(nil)
	if everywhere {
		url, err = p.signOutEverywhere(ctx, client)
	} else {
		err = p.signOut(client)
	}
	if err != nil {
		code, message := describe(client.Name, err)
		return callError(code, message)
	}
	return []string{"ok", "url", url}
}

func (p *Proxy) refreshNow(ctx context.Context, client *policy.Client) error {
	current, err := p.sessions.load(ctx, client.Name)
	if err != nil {
		return err
	}
	if current == nil {
		return errNotSignedIn
	}
	_, err = p.renew(ctx, client, current.indicator, current)
	return err
}

// logout signs out here, then ends the session at the authorization server. That
// the server cannot be reached for the second is no failure of the first.
func (p *Proxy) logout(client *policy.Client) error {
	if err := p.signOut(client); err != nil {
		return err
	}
	hint := p.hints.get(client.Name, p.clock())
	if client.EndSession.IsZero() || hint.IsZero() {
		return nil
	}
	p.hints.forget(client.Name)
	ctx, cancel := within(context.Background(), revokeTimeout)
	defer cancel()
	url := client.EndSession.URL()
	separator := "?"
	if client.EndSession.Query != "" {
		separator = "&"
	}
	query := form{
		{"id_token_hint", hint.Expose()}, // EXPOSE: sent to the configured end-session endpoint
		{"client_id", client.ID},
	}
	_, _ = p.fetcher.Fetch(ctx, FetchRequest{
		Method: "GET", URL: url + separator + query.encode(),
		Headers: []string{"accept", "application/json"}, Credentials: "include",
	})
	return nil
}
