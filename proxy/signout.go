package proxy

import (
	"context"

	"tokenvault/internal/base64url"
	"tokenvault/internal/idtoken"
	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// signOutEverywhere signs out here and returns the URL of the page that ends the
// session at the authorization server as well, "" when the server has no such
// endpoint. Nobody can make such a URL but by a sign-out here, and it is good once:
// another site cannot sign a user out by leading to it.
func (p *Proxy) signOutEverywhere(ctx context.Context, client *policy.Client) (url string, err error) {
	// What cannot be read can be forgotten.
	_, current, _ := p.sessions.read(ctx, client.Name)
	if err := p.signOut(client); err != nil {
		return "", err
	}
	if client.EndSession.IsZero() || current == nil || current.id.IsZero() {
		return "", nil
	}
	random, err := p.crypto.Random(32)
	if err != nil {
		return "", err
	}
	ticket := base64url.Encode(random)
	if err := p.sessions.put(ctx, ticketName(client.Name), protocol.Pack(
		nil, ticket, timestamp(p.clock()), client.EndSession.URL(),
		current.id.Expose(), // EXPOSE: sealed before it is stored
	)); err != nil {
		return "", err
	}
	return p.table.VaultOrigin + "/" + protocol.LogoutPage + "#" + form{{keyClient, client.Name}, {keyTicket, ticket}}.encode(), nil
}

// keyTicket names the ticket in the fragment of the sign-out page.
const keyTicket = "ticket"

// ticketName is the record with the client's last ticket, where it leads, and the
// id_token of the session that is over.
func ticketName(client string) string { return "sign-out/" + client }

// useTicket returns the id_token that a ticket is good for, and forgets both.
func (p *Pages) useTicket(ctx context.Context, client *policy.Client, ticket string) (id string, err error) {
	unlock, err := p.proxy.writing(client)
	if err != nil {
		return "", err
	}
	defer unlock()
	name := ticketName(client.Name)
	plain, err := p.proxy.sessions.get(ctx, name)
	if err != nil {
		return "", err
	}
	fields, err := protocol.Unpack(plain)
	if err != nil || len(fields) != 4 || fields[0] != ticket || !isCurrent(fields[1], p.proxy.clock()) ||
		fields[2] != client.EndSession.URL() { // the deployment has changed: another server gets no id_token of this one
		return "", errUnknownTransaction
	}
	return fields[3], p.proxy.sessions.store.Delete(ctx, name)
}

// Logout goes on to the server's end-session endpoint (OpenID Connect RP-Initiated
// Logout §2) with the id_token as a hint, by which the server knows that it is meant.
// The fragment is that of signOutEverywhere and return_to, which returnTo is, resolved
// and taken apart by the browser's parser.
func (p *Pages) Logout(ctx context.Context, fragment string, returnTo Target) Page {
	fields, err := parseForm(fragment)
	if err != nil {
		return p.signedOut(loginRequest{})
	}
	name, _ := fields.get(keyClient)
	ticket, _ := fields.get(keyTicket)
	client, ok := p.proxy.clientNamed(name)
	if !ok || !client.OwnsSignIn() {
		return p.signedOut(loginRequest{})
	}
	request := loginRequest{client: client}
	if p.mayReturn(client, returnTo) {
		request.returnTo = returnTo.Href
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	id, err := p.useTicket(ctx, client, ticket)
	if err != nil {
		return p.signedOut(request)
	}
	state, err := p.begin(ctx, purposeSignedOut, request, nil)
	if err != nil {
		return p.signedOut(request)
	}
	return Page{URL: withQuery(client.EndSession, form{
		{"id_token_hint", id},
		{"client_id", client.ID},
		{"post_logout_redirect_uri", p.proxy.table.VaultOrigin + "/" + protocol.SignedOutPage},
		{"state", state},
	})}
}

// SignedOut takes the query with which the server sends the user back.
func (p *Pages) SignedOut(ctx context.Context, query string) Page {
	state := ""
	answer, err := parseForm(query)
	if err == nil {
		state, _ = answer.get("state")
	}
	t, err := p.take(ctx, state, purposeSignedOut)
	if err != nil {
		return p.signedOut(loginRequest{})
	}
	request, err := p.parseLogin(t.request)
	if err != nil {
		return p.signedOut(loginRequest{})
	}
	return Page{URL: p.returnURL(request)}
}

// signedOut is for somebody who ends up in a page of a sign-out that is over.
func (p *Pages) signedOut(request loginRequest) Page {
	return Page{View: ViewSignedOut, Details: []string{"return", p.returnURL(request)}}
}

// FrontChannelLogout forgets the sessions that the authorization server says have
// ended (OpenID Connect Front-Channel Logout §2). It believes only who names both the
// issuer and the session, sid, of a sign-in.
func (p *Pages) FrontChannelLogout(ctx context.Context, query string) Page {
	page := p.signedOut(loginRequest{})
	said, err := parseForm(query)
	if err != nil {
		return page
	}
	issuer, _ := said.get("iss")
	sid, _ := said.get("sid")
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	for i := range p.proxy.table.Clients {
		client := &p.proxy.table.Clients[i]
		if sid == "" || issuer != client.Issuer || !client.OwnsSignIn() {
			continue
		}
		_, current, err := p.proxy.sessions.read(ctx, client.Name)
		if err != nil || current == nil {
			continue
		}
		token, err := idtoken.Parse(current.id.Expose()) // EXPOSE: its sid is compared
		if err == nil && token.Issuer() == issuer && token.SessionID() == sid {
			// What fails is told where the session is used: it is still there then.
			_ = p.proxy.signOut(client)
		}
	}
	return page
}
