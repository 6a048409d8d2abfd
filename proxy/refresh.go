package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// flight is one renewal under way in this frame, which all its requests share.
type flight struct {
	done    chan struct{}
	session *session
	err     error
}

// flights keeps at most one renewal a client in this frame. Across frames the
// write lock does the same.
type flights struct {
	mu      sync.Mutex
	running map[string]*flight
}

// join returns the renewal under way for the client; first is true for the
// caller that has to do the work and then call land.
func (f *flights) join(client string) (current *flight, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current := f.running[client]; current != nil {
		return current, false
	}
	current = &flight{done: make(chan struct{})}
	f.running[client] = current
	return current, true
}

func (f *flights) land(client string, current *flight) {
	f.mu.Lock()
	delete(f.running, client)
	f.mu.Unlock()
	close(current.done)
}

// token returns a session whose access token can be attached now, renewing it
// when it is about to expire.
func (p *Proxy) token(ctx context.Context, client *policy.Client) (*session, error) {
	current, err := p.sessions.load(ctx, client.Name)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, errNotSignedIn
	}
	if current.fresh(p.clock(), refreshBefore(client)) {
		return current, nil
	}
	if current.refresh.IsZero() {
		if current.alive(p.clock()) {
			return current, nil
		}
		return nil, errSessionExpired
	}
	next, err := p.renew(ctx, client, current)
	if err == nil {
		return next, nil
	}
	// A server that cannot be reached now is no reason to refuse a request for
	// which the token at hand is still good.
	if current.alive(p.clock()) && (errors.Is(err, ErrNetwork) || errors.Is(err, errRefreshFailed)) {
		return current, nil
	}
	return nil, err
}

func refreshBefore(client *policy.Client) time.Duration {
	return time.Duration(client.RefreshBeforeMS) * time.Millisecond
}

// renew replaces the session that the caller found wanting. Of all callers in
// all frames one asks the server; the others get what it got.
func (p *Proxy) renew(ctx context.Context, client *policy.Client, wanting *session) (*session, error) {
	current, first := p.flights.join(client.Name)
	if !first {
		select {
		case <-current.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return current.session, current.err
	}
	defer p.flights.land(client.Name, current)
	current.session, current.err = p.renewLocked(client, wanting)
	return current.session, current.err
}

// renewLocked takes no context of its caller: once a refresh token is sent it
// may be spent, and its successor must be stored whoever still waits for it.
func (p *Proxy) renewLocked(client *policy.Client, wanting *session) (*session, error) {
	ctx, cancel := p.background()
	defer cancel()
	unlock, err := p.sessions.locker.Lock(ctx, writeLock(client.Name), Exclusive)
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := p.sessions.read(ctx, client.Name)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, errNotSignedIn
	}
	if current.generation != wanting.generation && current.alive(p.clock()) {
		return current, nil // another frame was faster
	}
	if current.refresh.IsZero() {
		return nil, errSessionExpired
	}
	reply, err := p.postForm(ctx, client.Token.URL(), form{
		{"grant_type", "refresh_token"},
		{"refresh_token", current.refresh.Expose()}, // EXPOSE: sent to the configured token endpoint
		{"client_id", client.ID},
	}, nil, "omit")
	if err != nil {
		return nil, err
	}
	if reply.Status < 200 || reply.Status > 299 {
		if oauthError(reply.Body) != "invalid_grant" {
			return nil, errRefreshFailed
		}
		if err := p.sessions.forget(ctx, client.Name, protocol.EventSignedOut); err != nil {
			return nil, err
		}
		p.tell(client.Name, protocol.EventSignedOut)
		return nil, errSessionExpired
	}
	next, err := readTokenReply(reply.Body, client.Redact, current, p.clock())
	if err != nil {
		return nil, err
	}
	if err := p.sessions.save(ctx, client.Name, next, protocol.EventRefreshed); err != nil {
		return nil, err
	}
	p.tell(client.Name, protocol.EventRefreshed)
	return next, nil
}

// oauthError returns the error code of an OAuth error response (RFC 6749 §5.2).
func oauthError(body []byte) string {
	list, err := members(body)
	if err != nil {
		return ""
	}
	for _, m := range list {
		if m.name == "error" {
			code, _ := m.text(body)
			return code
		}
	}
	return ""
}
