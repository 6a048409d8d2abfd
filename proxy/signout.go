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
// endpoint. By the id_token the server knows that the user means it, and asks nobody.
// But such a URL is made by a sign-out here alone, and is good once: another site
// cannot sign a user out by leading to it.
//
// The refresh token lives until the user is back from there. With it some servers,
// such as Keycloak, end their session, and could then tell nobody else of its end:
// neither other apps nor the identity provider that it came from.
func (p *Proxy) signOutEverywhere(ctx context.Context, client *policy.Client) (url string, err error) {
	if client.EndSession.IsZero() {
		return "", p.signOut(client)
	}
	over, err := p.endSession(client, p.revokeAccessTokens)
	defer func() {
		if err != nil && over != nil {
			p.revokeRefreshToken(client, over) // nobody goes on to do it later
		}
	}()
	if err != nil {
		return "", err
	}
	unused, err := p.ticketOf(ctx, client)
	switch {
	case err != nil:
	case over == nil: // a second call, as by a double click
		over = unused.over
	case unused.over != nil:
		p.revokeRefreshToken(client, unused.over)
	}
	value, err := p.putTicket(ctx, client, over)
	if err != nil {
		return "", err
	}
	return p.table.VaultOrigin + "/" + protocol.LogoutPage + "#" + form{{keyClient, client.Name}, {keyTicket, value}}.encode(), nil
}

// ticket is what a sign-out here leaves for the page that goes on to the server.
type ticket struct {
	value string
	begun string   // a timestamp
	over  *session // nil where nobody was signed in
}

// keyTicket names the ticket in the fragment of the sign-out page.
const keyTicket = "ticket"

// ticketName is the record of the client's last ticket.
func ticketName(client string) string { return "sign-out/" + client }

// putTicket replaces the client's ticket by a fresh one, and returns its value.
func (p *Proxy) putTicket(ctx context.Context, client *policy.Client, over *session) (value string, err error) {
	random, err := p.crypto.Random(32)
	if err != nil {
		return "", err
	}
	value = base64url.Encode(random)
	sealed := ""
	if over != nil {
		sealed = string(over.encode())
	}
	return value, p.sessions.put(ctx, ticketName(client.Name), protocol.Pack(
		nil, value, timestamp(p.clock()), string(ownerOf(client)), sealed,
	))
}

// ticketOf returns the client's ticket, if there is one of the same owner: the server
// of another deployment gets nothing of what this one's gave.
func (p *Proxy) ticketOf(ctx context.Context, client *policy.Client) (found ticket, err error) {
	plain, err := p.sessions.get(ctx, ticketName(client.Name))
	if err != nil {
		return ticket{}, err
	}
	fields, err := protocol.Unpack(plain)
	if err != nil || len(fields) != 4 || fields[2] != string(ownerOf(client)) {
		return ticket{}, errUnknownTransaction
	}
	found = ticket{value: fields[0], begun: fields[1]}
	if fields[3] != "" {
		found.over, err = decodeSession([]byte(fields[3]))
	}
	return found, err
}

// useTicket returns the session that a ticket is of, and forgets it here.
func (p *Pages) useTicket(ctx context.Context, client *policy.Client, value string) (over *session, err error) {
	unlock, err := p.proxy.writing(client)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found, err := p.proxy.ticketOf(ctx, client)
	if err != nil || found.value != value || !isCurrent(found.begun, p.proxy.clock()) {
		return nil, errUnknownTransaction
	}
	return found.over, p.proxy.sessions.store.Delete(ctx, ticketName(client.Name))
}

// maxHint bounds the id_token in the URL of a sign-out, in characters. Servers refuse
// URLs that are too long, some from 4096 on, and go without the hint instead: they ask
// the user (OpenID Connect RP-Initiated Logout §2).
const maxHint = 3000

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
	value, _ := fields.get(keyTicket)
	client, ok := p.proxy.clientNamed(name)
	if !ok || !client.OwnsSignIn() || client.EndSession.IsZero() {
		return p.signedOut(loginRequest{})
	}
	request := loginRequest{client: client}
	if p.mayReturn(client, returnTo) {
		request.returnTo = returnTo.Href
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	over, err := p.useTicket(ctx, client, value)
	if err != nil {
		return p.signedOut(request)
	}
	state, err := p.begin(ctx, purposeSignedOut, request, over)
	if err != nil {
		if over != nil {
			p.proxy.revokeRefreshToken(client, over)
		}
		return p.signedOut(request)
	}
	parameters := form{
		{"client_id", client.ID},
		{"post_logout_redirect_uri", p.proxy.table.VaultOrigin + "/" + protocol.SignedOutPage},
		{"state", state},
	}
	if over != nil && !over.id.IsZero() {
		if hint := over.id.Expose(); len(hint) <= maxHint { // EXPOSE: sent to the configured end-session endpoint
			parameters = append(parameters, parameter{"id_token_hint", hint})
		}
	}
	return Page{URL: withQuery(client.EndSession, parameters), Details: []string{"handle", state}}
}

// SignedOut takes the query with which the server sends the user back, and ends what
// Logout began. handle is what that window remembers, for servers that do not know
// state.
func (p *Pages) SignedOut(ctx context.Context, query, handle string) Page {
	answer, err := parseForm(query)
	if state, ok := answer.get("state"); err != nil || ok {
		handle = state
	}
	t, err := p.take(ctx, handle, purposeSignedOut)
	if err != nil {
		return p.signedOut(loginRequest{})
	}
	request, err := p.requestOf(t)
	if err != nil {
		return p.signedOut(loginRequest{})
	}
	if t.session != nil {
		p.proxy.revokeRefreshToken(request.client, t.session)
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
