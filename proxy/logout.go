package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// revocationRequest answers the app's request to a revocation endpoint (RFC
// 7009): the vault revokes its own tokens. An SDK that names one kind by
// token_type_hint means that one; without a hint it is a sign-out.
func (p *Proxy) revocationRequest(_ context.Context, ex *exchange, body []byte) Answer {
	parameters, refused := p.readForm(ex, body)
	if refused != nil {
		return *refused
	}
	client, refused := p.clientOf(parameters, func(c *policy.Client) policy.Endpoint { return c.Revocation }, ex)
	if refused != nil {
		return *refused
	}
	if token, _ := parameters.get("token"); token != "" && token != secret.Redacted {
		return refusal(400, protocol.CodeInvalidRequest, "The vault revokes the tokens that it holds and takes none from the app; send token="+secret.Redacted+".")
	}
	var err error
	if hint, _ := parameters.get("token_type_hint"); hint == "access_token" {
		err = p.revokeAccess(client)
	} else {
		err = p.signOut(client)
	}
	if err != nil {
		return failure(client.Name, err)
	}
	return Answer{Action: Reply, Status: 200, StatusText: "OK", Headers: []string{"cache-control", "no-store"}}
}

// signOut revokes the refresh token, then the access token, and forgets both
// even if the server fails: the user asked to be signed out here.
func (p *Proxy) signOut(client *policy.Client) error {
	_, err := p.endSession(client, p.revokeBoth)
	return err
}

// forgetTokens removes the tokens here without a word to the server.
func (p *Proxy) forgetTokens(client *policy.Client) error {
	_, err := p.endSession(client, func(*policy.Client, *session) {})
	return err
}

// endSession forgets the client's session, after it was handed to revoke, and returns
// it: nil if there is none, or none that can be read.
func (p *Proxy) endSession(client *policy.Client, revoke func(*policy.Client, *session)) (over *session, err error) {
	unlock, err := p.writing(client)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// What cannot be read cannot be revoked, but it can be forgotten.
	current, err := p.read(client)
	if current == nil && err == nil {
		return nil, nil
	}
	if current != nil {
		revoke(client, current)
		p.hints.keep(client.Name, current.id, p.clock())
	}
	return current, p.forget(client, current)
}

// revokeAccess revokes the access token alone; the refresh token stays and the
// next request renews. Without a refresh token it is a sign-out.
func (p *Proxy) revokeAccess(client *policy.Client) error {
	unlock, err := p.writing(client)
	if err != nil {
		return err
	}
	defer unlock()
	current, err := p.read(client)
	if err != nil || current == nil {
		return err
	}
	p.revokeAccessTokens(client, current)
	if current.refresh.IsZero() {
		p.hints.keep(client.Name, current.id, p.clock())
		return p.forget(client, current)
	}
	next := *current
	next.generation++
	next.grant, next.others = grant{indicator: current.indicator}, nil
	return p.save(client, current, &next, "")
}

// revokeBoth revokes the refresh token first: with it another access token could
// be had.
func (p *Proxy) revokeBoth(client *policy.Client, of *session) {
	p.revoke(client, "refresh_token", &grant{access: of.refresh})
	p.revokeAccessTokens(client, of)
}

// discard is for tokens that nobody will ever use. They are revoked, unless a session of
// the same account is stored: then they are left to expire, since many servers would
// revoke what that session lives on as well, which is of the same grant of the user (RFC
// 7009 §2.1).
func (p *Proxy) discard(client *policy.Client, tokens *session) {
	current, err := p.read(client)
	isUnknown := err != nil && !errors.Is(err, errUnreadable)
	if !isUnknown && (current == nil || !sameAccount(current, tokens)) {
		p.revokeBoth(client, tokens)
	}
}

func (p *Proxy) revokeAccessTokens(client *policy.Client, of *session) {
	p.revoke(client, "access_token", of.tokens()...)
}

// revoke asks the server to revoke tokens of one kind. Whether it does changes
// nothing here: the tokens are forgotten either way, and expire by themselves.
func (p *Proxy) revoke(client *policy.Client, hint string, tokens ...*grant) {
	if client.Revocation.IsZero() {
		return
	}
	ctx, cancel := within(context.Background(), revokeTimeout)
	defer cancel()
	for _, token := range tokens {
		if token.access.IsZero() {
			continue
		}
		_, _ = p.postForm(ctx, client.Revocation.URL(), form{
			{"token", token.access.Expose()}, // EXPOSE: sent to the configured revocation endpoint
			{"token_type_hint", hint},
			{"client_id", client.ID},
		}, nil, "omit")
	}
}

// revokeTimeout bounds the wait for the revocations of a kind, so that neither a
// sign-out nor the error of a sign-in hangs on a server that does not answer.
const revokeTimeout = 5 * time.Second

// hintLifetime is how long an id_token outlives its sign-out in memory.
const hintLifetime = time.Minute

// hints keeps the id_token of a client that has just signed out, in the memory
// of this frame alone: SDKs revoke first and end the session at the server
// second, and the second request needs it as id_token_hint.
type hints struct {
	mu     sync.Mutex
	values map[string]hint
}

type hint struct {
	id    secret.String
	until time.Time
}

func (h *hints) keep(client string, id secret.String, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.values[client] = hint{id, now.Add(hintLifetime)}
}

func (h *hints) forget(client string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.values, client)
}

func (h *hints) get(client string, now time.Time) secret.String {
	h.mu.Lock()
	defer h.mu.Unlock()
	found, ok := h.values[client]
	if !ok || now.After(found.until) {
		delete(h.values, client)
		return secret.String{}
	}
	return found.id
}
