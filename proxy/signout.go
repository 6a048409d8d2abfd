package proxy

import (
	"context"

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
	var left *session // what is left of it to do
	if over != nil {
		left = &session{id: over.id, refresh: over.refresh}
	}
	if err == nil {
		url, err = p.ticket(ctx, client, left)
	}
	if err != nil && left != nil {
		p.revokeBoth(client, left) // nobody goes on to do it later
	}
	return url, err
}

// keyTicket names the ticket in the fragment of the sign-out page.
const keyTicket = "ticket"

// ticket returns the URL of the page that goes on to the server, with what is left of a
// session; nil where nobody was signed in.
func (p *Proxy) ticket(ctx context.Context, client *policy.Client, left *session) (url string, err error) {
	next, err := p.newTransaction(purposeSignOut, loginRequest{client: client}, left)
	if err != nil {
		return "", err
	}
	err = p.editTransactions(ctx, func(all []transaction) (kept []transaction) {
		for _, each := range all {
			if next.session == nil && each.owner == next.owner && each.is(each.id, purposeSignOut, p.clock()) {
				next.session, next.begun = each.session, each.begun // a second call, as by a double click
			} else {
				kept = append(kept, each)
			}
		}
		return append(kept, next)
	})
	return p.table.VaultOrigin + "/" + protocol.LogoutPage + "#" + form{{keyTicket, next.id}}.encode(), err
}

// maxHint bounds the id_token in the URL of a sign-out, in characters. Servers refuse
// URLs that are too long, some from 4096 on. Without the hint they ask the user (OpenID
// Connect RP-Initiated Logout §2).
const maxHint = 3000

// maxReturn bounds the place to return to after a sign-out, in characters: in a request
// three of them may stand for one.
const maxReturn = maxLogin / 4

// Logout goes on to the server's end-session endpoint (OpenID Connect RP-Initiated
// Logout §2) with the id_token as a hint, by which the server knows that it is meant.
// The fragment is that of signOutEverywhere and return_to, which returnTo is, resolved
// and taken apart by the browser's parser.
func (p *Pages) Logout(ctx context.Context, fragment string, returnTo Target) Page {
	fields, err := parseForm(fragment)
	if err != nil {
		return p.signedOut()
	}
	ticket, _ := fields.get(keyTicket)
	state, err := p.proxy.random256()
	if err != nil {
		return p.signedOut()
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	var client *policy.Client
	var left *session
	err = p.proxy.editTransactions(ctx, func(all []transaction) []transaction {
		for i := range all {
			t := &all[i]
			request, err := p.requestOf(*t)
			if t.is(ticket, purposeSignOut, p.proxy.clock()) && err == nil && !request.client.EndSession.IsZero() {
				if p.mayReturn(request.client, returnTo) && len(returnTo.Href) <= maxReturn {
					request.returnTo = returnTo.Href
				}
				t.id, t.purpose, t.request = state, purposeSignedOut, request.encode()
				client, left = request.client, t.session
			}
		}
		return all
	})
	if err != nil || client == nil {
		return p.signedOut()
	}
	parameters := form{
		{"client_id", client.ID},
		{"post_logout_redirect_uri", p.proxy.table.VaultOrigin + "/" + protocol.SignedOutPage},
		{"state", state},
	}
	if left != nil && !left.id.IsZero() {
		if hint := left.id.Expose(); len(hint) <= maxHint { // EXPOSE: sent to the configured end-session endpoint
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
		return p.signedOut()
	}
	request, err := p.requestOf(t)
	if err != nil {
		return p.signedOut()
	}
	if t.session != nil {
		p.proxy.discard(request.client, t.session)
	}
	return Page{URL: p.returnURL(request)}
}

// signedOut is for somebody who ends up in a page of a sign-out that is over.
func (p *Pages) signedOut() Page {
	return Page{View: ViewSignedOut, Details: []string{"return", p.returnURL(loginRequest{})}}
}

// FrontChannelLogout forgets the sessions that the authorization server says have
// ended (OpenID Connect Front-Channel Logout §2). It believes only who names both the
// issuer and the session, sid, of a sign-in.
func (p *Pages) FrontChannelLogout(ctx context.Context, query string) Page {
	page := p.signedOut()
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
