package proxy

import (
	"context"
	"errors"
	"strings"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// maxForm bounds the body of a request to an endpoint.
const maxForm = 64 << 10

// tokenRequest answers the app's request to a token endpoint. Two grant types
// exist here: the authorization code of a sign-in, and the refresh, for which
// the vault uses its own token and single flight, whatever the app wrote.
func (p *Proxy) tokenRequest(ctx context.Context, ex *exchange, body []byte) Answer {
	parameters, refused := p.readForm(ex, body)
	if refused != nil {
		return *refused
	}
	client, refused := p.clientOf(parameters, func(c *policy.Client) policy.Endpoint { return c.Token }, ex)
	if refused != nil {
		return *refused
	}
	if client.OwnsSignIn() {
		return refuseToken(client) // by the endpoint that it shares with another client
	}
	grant, _ := parameters.get("grant_type")
	switch grant {
	case "authorization_code":
		return p.exchangeCode(client, parameters, ex)
	case "refresh_token":
		return p.refreshForApp(ctx, client, parameters)
	default:
		return refusal(400, protocol.CodeInvalidRequest, "The vault makes token requests of the grant types authorization_code and refresh_token only.")
	}
}

// readForm decodes the body of a request to a token or revocation endpoint.
func (p *Proxy) readForm(ex *exchange, body []byte) (form, *Answer) {
	media, _, _ := strings.Cut(header(ex.headers, "content-type"), ";")
	if lower(strings.TrimSpace(media)) != "application/x-www-form-urlencoded" {
		refused := refusal(400, protocol.CodeInvalidRequest, "A request to this endpoint needs the content type application/x-www-form-urlencoded.")
		return nil, &refused
	}
	if len(body) > maxForm {
		refused := refusal(400, protocol.CodeInvalidRequest, "The body of a request to this endpoint may have 64 KiB.")
		return nil, &refused
	}
	parameters, err := parseForm(string(body))
	if err != nil {
		refused := refusal(400, protocol.CodeInvalidRequest, "The request is refused: "+err.Error()+".")
		return nil, &refused
	}
	return parameters, nil
}

// clientOf finds the client that a form names by client_id. Clients of one
// authorization server share its endpoints.
func (p *Proxy) clientOf(parameters form, endpoint func(*policy.Client) policy.Endpoint, ex *exchange) (*policy.Client, *Answer) {
	id, _ := parameters.get("client_id")
	want := endpoint(&p.table.Clients[ex.client])
	for i := range p.table.Clients {
		client := &p.table.Clients[i]
		if client.ID == id && endpoint(client) == want {
			return client, nil
		}
	}
	refused := refusal(400, protocol.CodeInvalidRequest, "The request names no client_id that tokenvault.json configures for this endpoint.")
	return nil, &refused
}

// exchangeCode performs the token request of a sign-in with the app's own
// parameters. The request is not bound to the app's wish to wait: a code is good
// for one use, and its tokens must not be lost.
func (p *Proxy) exchangeCode(client *policy.Client, parameters form, ex *exchange) Answer {
	reply, err := p.askToken(client, parameters, ex.headers, ex.credentials)
	if err != nil {
		return failure(client.Name, err)
	}
	if reply.Status < 200 || reply.Status > 299 {
		reply.Body = redactError(reply.Body, client.Redact)
		return p.passOn(client, &session{}, reply)
	}
	next, err := readTokenReply(reply.Body, client, "", nil, p.clock())
	if err != nil {
		return failure(client.Name, err)
	}
	if _, stored, err := p.storeTokens(client, next); err != nil {
		if !stored {
			// Nobody will ever use them: they are not to live on at the server.
			p.revokeBoth(client, next)
		}
		return failure(client.Name, err)
	}
	reply.Body = []byte(next.reply)
	return p.passOn(client, next, reply)
}

// storeTokens stores the session of a new sign-in, and returns the one before: nothing
// of it stays, its refresh token least of all. An error after the tokens were stored is
// one of telling the other frames.
func (p *Proxy) storeTokens(client *policy.Client, next *session) (before *session, stored bool, err error) {
	unlock, err := p.writing(client)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	// A record that cannot be read is replaced: signing in is the mend for it.
	before, _ = p.read(client)
	if before != nil {
		next.generation = max(next.generation, before.generation+1)
		next.since = next.generation
	}
	if err := p.save(client, before, next, protocol.EventSignedIn); err != nil {
		return before, !errors.Is(err, errStorage), err
	}
	p.hints.forget(client.Name)
	return before, true, nil
}

// refreshForApp answers an SDK that renews tokens itself.
func (p *Proxy) refreshForApp(ctx context.Context, client *policy.Client, parameters form) Answer {
	if token, _ := parameters.get("refresh_token"); token != "" && token != secret.Redacted {
		return refusal(400, protocol.CodeInvalidRequest, "The vault uses the refresh token that it holds and takes none from the app; send refresh_token="+secret.Redacted+".")
	}
	current, err := p.sessions.load(ctx, client.Name)
	if err == nil && current == nil {
		err = errNotSignedIn
	}
	if err == nil {
		current, err = p.renew(ctx, client, current.indicator, current)
	}
	if err != nil {
		return failure(client.Name, err)
	}
	return Answer{
		Action: Reply, Status: 200, StatusText: "OK",
		Headers: []string{"content-type", "application/json", "cache-control", "no-store"},
		Body:    []byte(current.reply),
	}
}

// passOn answers the app with a response that the vault has read whole, and that
// made the session with.
func (p *Proxy) passOn(client *policy.Client, with *session, reply FetchResponse) Answer {
	scrub := newScrubber(p.hiddenValues(client, with))
	return Answer{
		Action: Reply, Status: reply.Status, StatusText: scrub.text(reply.StatusText),
		Headers: without(scrubHeaders(scrub, reply.Headers), "content-length"),
		Body:    []byte(scrub.text(string(reply.Body))),
	}
}

// askToken makes a token request, with the proof that the client's tokens need.
func (p *Proxy) askToken(client *policy.Client, parameters form, headers []string, credentials string) (FetchResponse, error) {
	ctx, cancel := p.background()
	defer cancel()
	reply, err := p.ask(ctx, client, client.Token, parameters, headers, credentials)
	if err != nil && !errors.Is(err, ErrNetwork) && !errors.Is(err, errStorage) && ctx.Err() == nil {
		// The browser has an answer and will not give it: it is too large.
		err = errors.Join(errBadTokenReply, err)
	}
	return reply, err
}

// postForm sends a form to an endpoint of the authorization server, with those
// of the caller's headers that may go out.
func (p *Proxy) postForm(ctx context.Context, url string, parameters form, headers []string, credentials string) (FetchResponse, error) {
	out := []string{"content-type", "application/x-www-form-urlencoded"}
	hasAccept := false
	for i := 0; i+1 < len(headers); i += 2 {
		name := lower(headers[i])
		if name == "content-type" {
			continue
		}
		hasAccept = hasAccept || name == "accept"
		out = append(out, headers[i], headers[i+1])
	}
	if !hasAccept {
		out = append(out, "accept", "application/json")
	}
	return p.fetcher.Fetch(ctx, FetchRequest{
		Method: "POST", URL: url, Headers: out,
		Body: []byte(parameters.encode()), Credentials: credentials,
	})
}
