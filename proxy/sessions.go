package proxy

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// barrierTimeout bounds the wait for other frames to let go of old tokens. A
// frame that does not answer is frozen by the browser and runs no request.
const barrierTimeout = time.Second

// errStorage wraps every failure of the store or the sealer.
var errStorage = errors.New("the browser could not store or read the tokens")

// storageError marks a failure as one of them.
//
//go:noinline
func storageError(err error) error { return errors.Join(errStorage, err) }

// sessions keeps the sessions of all clients. The store is the truth; memory is
// a cache that no frame may use once the store says otherwise. Web Locks see to
// that at no cost for a request: a frame holds the lock of a session, shared, for
// as long as it has it in memory. Who replaces the session tells the others to
// let go (Bus) and then takes its lock exclusively, so a logout is answered only
// when no frame has the tokens any more. Each session has a lock of its own, so
// that who reads the new one does not stand in the way.
type sessions struct {
	table  *policy.Table
	store  Store
	sealer Sealer
	locker Locker
	bus    Bus
	clock  Clock

	mu      sync.Mutex
	cached  map[string]cachedSession
	loading map[string]chan struct{} // closed when the load of a client's session is over
	dropped map[string]uint64        // how often drop was called, for each client
	issued  []issuedToken            // in order of their coming
	count   uint64                   // how many tokens ever came
}

// issuedToken is an access token that an API may know and the app may not,
// though another has taken its place.
type issuedToken struct {
	token secret.String
	until time.Time // zero when the server did not say
}

// maxIssued bounds the tokens that are searched for in every response.
const maxIssued = 256

type cachedSession struct {
	*session
	unlock func()
}

func newSessions(table *policy.Table, browser Browser) *sessions {
	return &sessions{
		table: table,
		store: browser.Store, sealer: browser.Sealer, locker: browser.Locker, bus: browser.Bus, clock: browser.Clock,
		cached: map[string]cachedSession{}, loading: map[string]chan struct{}{}, dropped: map[string]uint64{},
	}
}

func recordName(client string) string { return "session/" + client }
func writeLock(client string) string  { return "tokenvault-write/" + client }

func cacheLock(client string, generation uint64) string {
	return "tokenvault-cache/" + client + "/" + strconv.FormatUint(generation, 10)
}

// additionalData binds a sealed record to its place, so that one client's
// record cannot be put under another's name.
func additionalData(client string) []byte {
	return protocol.Pack(nil, sessionFormat, client, recordName(client))
}

// owner is whose a session of the client is. That of a client which only another
// deployment has, as the bus may tell of one, is nobody's.
func (s *sessions) owner(client string) []byte {
	if i, ok := s.table.ClientIndex(client); ok {
		return ownerOf(&s.table.Clients[i])
	}
	return ownerOf(&policy.Client{})
}

// errUnreadable is a record that is not of this vault's key or version.
var errUnreadable = errors.New("the record cannot be opened")

//go:noinline
func unreadable(err error) error { return errors.Join(errStorage, errUnreadable, err) }

// put seals and stores a record that is no session. It returns when that is durable.
func (s *sessions) put(ctx context.Context, name string, plain []byte) error {
	record, err := s.sealer.Seal(ctx, plain, protocol.Pack(nil, sessionFormat, name))
	if err == nil {
		err = s.store.Save(ctx, name, record)
	}
	if err != nil {
		return storageError(err)
	}
	return nil
}

// get returns what put has stored, nil when there is none.
func (s *sessions) get(ctx context.Context, name string) ([]byte, error) {
	_, plain, err := s.open(ctx, name, protocol.Pack(nil, sessionFormat, name))
	return plain, err
}

// open returns a record and what is sealed in it, nil when there is none.
func (s *sessions) open(ctx context.Context, name string, additional []byte) (record, plain []byte, err error) {
	record, err = s.store.Load(ctx, name)
	if err != nil {
		return nil, nil, storageError(err)
	}
	if record == nil {
		return nil, nil, nil
	}
	plain, err = s.sealer.Open(ctx, record, additional)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	return record, plain, nil
}

// peek returns the session from memory, nil when it is not there. It never
// blocks: the hot path.
func (s *sessions) peek(client string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached[client].session
}

// load returns the session from memory or from the store, nil when there is none.
func (s *sessions) load(ctx context.Context, client string) (*session, error) {
	done, err := s.join(ctx, client)
	if err != nil {
		return nil, err
	}
	defer done()
	for {
		if current := s.peek(client); current != nil {
			return current, nil
		}
		before := s.drops(client)
		record, current, err := s.read(ctx, client)
		if err != nil || current == nil {
			return nil, err
		}
		unlock, err := s.locker.Lock(ctx, cacheLock(client, current.generation), Shared)
		if err != nil {
			return nil, err
		}
		// Who replaced it before we had the lock has not waited for us.
		again, err := s.store.Load(ctx, recordName(client))
		if err == nil && string(again) == string(record) && s.keep(client, current, unlock, before) {
			return current, nil
		}
		unlock()
		if err != nil {
			return nil, storageError(err)
		}
	}
}

// join waits for a load of the client's session that is under way, as when a
// page starts: it leaves the session in memory. Where it finds none, who waited
// reads for itself, since one may have been stored meanwhile. The caller says by
// done that its own load is over.
func (s *sessions) join(ctx context.Context, client string) (done func(), err error) {
	s.mu.Lock()
	running := s.loading[client]
	if running == nil {
		over := make(chan struct{})
		s.loading[client] = over
		s.mu.Unlock()
		return func() {
			s.mu.Lock()
			delete(s.loading, client)
			s.mu.Unlock()
			close(over)
		}, nil
	}
	s.mu.Unlock()
	select {
	case <-running:
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *sessions) drops(client string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped[client]
}

// keep puts the session in memory unless drop was called since, or another
// goroutine was faster.
func (s *sessions) keep(client string, current *session, unlock func(), before uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped[client] != before || s.cached[client].session != nil {
		return false
	}
	s.cached[client] = cachedSession{current, unlock}
	s.remember(current)
	return true
}

// remember notes the access tokens, until they expire, as some to search for in
// what APIs answer: an app that has one API keep a token and read it out later, or
// in another frame, is not to find it. The caller holds mu.
func (s *sessions) remember(current *session) {
	now := s.clock()
	var kept []issuedToken
	for _, t := range s.issued {
		if t.until.IsZero() || now.Before(t.until) {
			kept = append(kept, t)
		}
	}
	for _, token := range current.tokens() {
		if !holds(kept, token.access) {
			kept = append(kept, issuedToken{token.access, token.expiresAt})
		}
	}
	s.issued = kept[max(0, len(kept)-maxIssued):]
	s.count++
}

// holds reports whether a token is among these already: a session keeps the tokens of
// the one before it.
func holds(issued []issuedToken, token secret.String) bool {
	for _, other := range issued {
		if other.token.Expose() == token.Expose() { // EXPOSE: compared within the vault
			return true
		}
	}
	return false
}

// issuedSince returns the access tokens to search for, unless none has come
// since count was what the caller knows. It does not block.
func (s *sessions) issuedSince(count uint64) ([]string, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == count {
		return nil, count
	}
	values := make([]string, len(s.issued))
	for i, t := range s.issued {
		values[i] = t.token.Expose() // EXPOSE: the scrubber searches for it
	}
	return values, s.count
}

// drop forgets what memory has of the client; the store keeps it.
func (s *sessions) drop(client string) {
	s.mu.Lock()
	old := s.cached[client]
	delete(s.cached, client)
	s.dropped[client]++
	s.mu.Unlock()
	if old.unlock != nil {
		old.unlock()
	}
}

// read returns the session from the store, nil when there is none, and the
// record that it is sealed in.
//
// One of another owner is none. It stays until a sign-in takes its place: tabs of the
// deployment before may still use it, and would else, with those of this one, take
// turns at signing each other out. If the deployment is undone, it is there again.
func (s *sessions) read(ctx context.Context, client string) ([]byte, *session, error) {
	record, plain, err := s.open(ctx, recordName(client), additionalData(client))
	if err != nil || record == nil {
		return nil, nil, err
	}
	encoded, ours := bytes.CutPrefix(plain, s.owner(client))
	if !ours {
		return nil, nil, nil
	}
	current, err := decodeSession(encoded)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	return record, current, nil
}

// save replaces the client's session, before, by next; the caller holds its write
// lock. It returns when next is durable and no frame uses the one before.
func (s *sessions) save(ctx context.Context, client string, before, next *session, event string) error {
	record, err := s.sealer.Seal(ctx, append(s.owner(client), next.encode()...), additionalData(client))
	if err != nil {
		return storageError(err)
	}
	if err := s.store.Save(ctx, recordName(client), record); err != nil {
		return storageError(err)
	}
	s.mu.Lock()
	s.remember(next)
	s.mu.Unlock()
	return s.announce(ctx, client, before, event)
}

// forget removes the client's session, before; the caller holds its write lock.
func (s *sessions) forget(ctx context.Context, client string, before *session, event string) error {
	if err := s.store.Delete(ctx, recordName(client)); err != nil {
		return storageError(err)
	}
	return s.announce(ctx, client, before, event)
}

// announce makes every frame, this one first, let go of the session that the
// client had before: nil if it had none, or none that could be read.
func (s *sessions) announce(ctx context.Context, client string, before *session, event string) error {
	if before == nil {
		before = s.peek(client)
	}
	s.drop(client)
	if err := s.bus.Publish(busMessage(Event{Client: client, Name: event})); err != nil {
		return err
	}
	if before == nil {
		return nil
	}
	ctx, cancel := within(ctx, barrierTimeout)
	defer cancel()
	unlock, err := s.locker.Lock(ctx, cacheLock(client, before.generation), Exclusive)
	if err == nil {
		unlock()
	} else if ctx.Err() == nil {
		return err
	}
	return nil
}

// A bus message is the fields of an event by lines: none of them has a line feed.
// The name is "" for an event that the app is not told of.
func busMessage(event Event) string {
	return strings.Join(append([]string{event.Client, event.Name}, event.Details...), "\n")
}

func parseBusMessage(message string) (event Event, ok bool) {
	fields := strings.Split(message, "\n")
	if len(fields) < 2 {
		return Event{}, false
	}
	return Event{fields[0], fields[1], fields[2:]}, true
}
