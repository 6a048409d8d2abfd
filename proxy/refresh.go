package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"tokenvault/internal/jsontext"
	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// flight is one renewal under way in this frame, which all its requests share.
type flight struct {
	done    chan struct{}
	session *session
	err     error
}

// flights keeps at most one renewal of a token in this frame. Across frames, and the
// tokens of a client, the write lock does the same.
type flights struct {
	mu      sync.Mutex
	running map[string]*flight
}

// join returns the renewal under way of the token; first is true for the caller that
// has to do the work and then call land.
func (f *flights) join(token string) (current *flight, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current := f.running[token]; current != nil {
		return current, false
	}
	current = &flight{done: make(chan struct{})}
	f.running[token] = current
	return current, true
}

func (f *flights) land(token string, current *flight) {
	f.mu.Lock()
	delete(f.running, token)
	f.mu.Unlock()
	close(current.done)
}

// token returns a session whose access token for the indicator can be attached now,
// renewing it when it is about to expire.
func (p *Proxy) token(ctx context.Context, client *policy.Client, indicator string) (*session, error) {
	current, err := p.sessions.load(ctx, client.Name)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, errNotSignedIn
	}
	at := current.token(indicator)
	if at.fresh(p.clock(), refreshBefore(client)) {
		return current, nil
	}
	if current.refresh.IsZero() {
		switch {
		case at.alive(p.clock()):
			return current, nil
		case current.alive(p.clock()):
			return nil, errOneToken
		}
		return nil, errSessionExpired
	}
	if !at.alive(p.clock()) {
		return p.renew(ctx, client, indicator, current)
	}
	// A server that does not renew now, or is slow about it, is no reason to
	// refuse a request for which the token at hand is still good.
	waiting, cancel := within(ctx, min(patience, p.timeout()/2))
	defer cancel()
	next, err := p.renew(waiting, client, indicator, current)
	if err == nil || errors.Is(err, errNotSignedIn) || errors.Is(err, errSessionExpired) {
		return next, err
	}
	// It is at hand only if no other frame has signed out meanwhile.
	current, lost := p.sessions.load(ctx, client.Name)
	switch {
	case lost != nil:
		return nil, lost
	case current == nil:
		return nil, errNotSignedIn
	case current.token(indicator).alive(p.clock()):
		return current, nil
	case waiting.Err() != nil:
		return p.renew(ctx, client, indicator, current)
	default:
		return nil, err
	}
}

// patience bounds the wait for a renewal that could wait.
const patience = 5 * time.Second

func refreshBefore(client *policy.Client) time.Duration {
	return time.Duration(client.RefreshBeforeMS) * time.Millisecond
}

// renew replaces the session whose token for the indicator the caller found wanting. Of all callers in
// all frames one asks the server; the others get what it got. A caller that gives
// up leaves the renewal under way.
func (p *Proxy) renew(ctx context.Context, client *policy.Client, indicator string, wanting *session) (*session, error) {
	name := client.Name + "\n" + indicator
	current, first := p.flights.join(name)
	if first {
		go func() {
			defer p.flights.land(name, current)
			current.session, current.err = p.renewLocked(client, indicator, wanting)
		}()
	}
	select {
	case <-current.done:
		return current.session, current.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// renewLocked takes no context of its caller: once a refresh token is sent it
// may be spent, and its successor must be stored whoever still waits for it.
func (p *Proxy) renewLocked(client *policy.Client, indicator string, wanting *session) (*session, error) {
	unlock, err := p.writing(client)
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := p.read(client)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, errNotSignedIn
	}
	if at := current.token(indicator); at.since != wanting.token(indicator).since && at.alive(p.clock()) {
		return current, nil // another frame was faster
	}
	if current.refresh.IsZero() {
		return nil, errSessionExpired
	}
	parameters := form{
		{"grant_type", "refresh_token"},
		{"refresh_token", current.refresh.Expose()}, // EXPOSE: sent to the configured token endpoint
		{"client_id", client.ID},
	}
	if indicator != "" {
		parameters = append(parameters, parameter{"resource", indicator})
	}
	reply, err := p.askToken(client, parameters, nil, "omit")
	if errors.Is(err, ErrNetwork) {
		// The server may have answered, and the answer was lost: then the refresh token
		// is spent where they rotate, and its successor is known to nobody. At once, a
		// server with a grace period answers the same token again. One without calls it
		// stolen and ends the session (RFC 9700 §4.14.2), which was lost with the answer.
		reply, err = p.askToken(client, parameters, nil, "omit")
	}
	if err != nil {
		return nil, err
	}
	if reply.Status < 200 || reply.Status > 299 {
		switch oauthError(reply.Body) {
		case "invalid_grant":
		case "interaction_required", "login_required", "consent_required", "mfa_required": // the last is Auth0's
			// Another try brings nothing, but the tokens of other resources are as good as before.
			for _, token := range current.tokens() {
				if token.indicator != indicator && token.alive(p.clock()) {
					return nil, errNeedsUser
				}
			}
			p.revokeBoth(client, current) // the server has not
		case "invalid_dpop_proof":
			return nil, errProofRefused
		case "invalid_target":
			return nil, errTarget
		default:
			return nil, errRefreshFailed
		}
		if err := p.forget(client, current); err != nil {
			return nil, err
		}
		return nil, errSessionExpired
	}
	next, err := readTokenReply(reply.Body, client, indicator, current, p.clock())
	if err != nil {
		return nil, err
	}
	event := ""
	if indicator == current.indicator {
		event = protocol.EventRefreshed
	}
	if err := p.save(client, current, next, event); err != nil {
		return nil, err
	}
	return next, nil
}

// giveUp forgets a session that cannot be renewed and whose access token an API has
// called invalid: to keep it would tell the app that it is signed in, and have
// each of its requests fail. If the store has another session by now, of a new
// sign-in, it is that one that the caller gets.
func (p *Proxy) giveUp(client *policy.Client, refused *session) (*session, error) {
	unlock, err := p.writing(client)
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := p.read(client)
	switch {
	case err != nil:
		return nil, err
	case current == nil:
		return nil, errSessionExpired // another request was faster
	case current.generation != refused.generation && current.alive(p.clock()):
		return current, nil
	case current.generation != refused.generation:
		return nil, errSessionExpired
	}
	if err := p.forget(client, current); err != nil {
		return nil, err
	}
	return nil, errSessionExpired
}

// oauthError returns the error code of an OAuth error response (RFC 6749 §5.2).
func oauthError(body []byte) string { return outerText(body, "error") }

// outerText returns a string member of a JSON object, "" when there is none.
func outerText(body []byte, name string) string {
	list, err := jsontext.Members(body)
	if err != nil {
		return ""
	}
	for _, m := range list {
		if m.Outer && m.Name == name {
			text, _ := m.Text(body)
			return text
		}
	}
	return ""
}
