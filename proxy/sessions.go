package proxy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"tokenvault/internal/protocol"
)

// barrierTimeout bounds the wait for other frames to let go of old tokens. A
// frame that does not answer is frozen by the browser and runs no request.
const barrierTimeout = time.Second

// errStorage wraps every failure of the store or the sealer.
var errStorage = errors.New("the browser could not store or read the tokens")

// sessions keeps the sessions of all clients. The store is the truth; memory is
// a cache that no frame may use once the store says otherwise. Web Locks see to
// that at no cost for a request: a frame holds the cache lock of a client,
// shared, for as long as it has the session in memory. Who writes the store
// tells the others to let go (Bus) and then takes that lock exclusively, so a
// logout is answered only when no frame has the tokens any more.
type sessions struct {
	store  Store
	sealer Sealer
	locker Locker
	bus    Bus

	mu      sync.Mutex
	cached  map[string]cachedSession
	dropped map[string]uint64 // how often drop was called, for each client
}

type cachedSession struct {
	*session
	unlock func()
}

func newSessions(store Store, sealer Sealer, locker Locker, bus Bus) *sessions {
	return &sessions{
		store: store, sealer: sealer, locker: locker, bus: bus,
		cached: map[string]cachedSession{}, dropped: map[string]uint64{},
	}
}

func recordName(client string) string { return "session/" + client }
func cacheLock(client string) string  { return "tokenvault-cache/" + client }
func writeLock(client string) string  { return "tokenvault-write/" + client }

// additionalData binds a sealed record to its place, so that one client's
// record cannot be put under another's name.
func additionalData(client string) []byte {
	return protocol.Pack(nil, sessionFormat, client, recordName(client))
}

// peek returns the session from memory, nil when it is not there. It never
// blocks: the hot path.
func (s *sessions) peek(client string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cached[client].session
}

// all returns the sessions in memory.
func (s *sessions) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.cached))
	for _, c := range s.cached {
		list = append(list, c.session)
	}
	return list
}

// load returns the session from memory or from the store, nil when there is none.
func (s *sessions) load(ctx context.Context, client string) (*session, error) {
	for {
		if current := s.peek(client); current != nil {
			return current, nil
		}
		unlock, err := s.locker.Lock(ctx, cacheLock(client), Shared)
		if err != nil {
			return nil, err
		}
		before := s.drops(client)
		current, err := s.read(ctx, client)
		if err != nil || current == nil {
			unlock()
			return nil, err
		}
		if s.keep(client, current, unlock, before) {
			return current, nil
		}
		// The store was written while we read it.
		unlock()
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
	return true
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

// read returns the session from the store, nil when there is none.
func (s *sessions) read(ctx context.Context, client string) (*session, error) {
	record, err := s.store.Load(ctx, recordName(client))
	if err != nil {
		return nil, errors.Join(errStorage, err)
	}
	if record == nil {
		return nil, nil
	}
	plain, err := s.sealer.Open(ctx, record, additionalData(client))
	if err != nil {
		return nil, errors.Join(errStorage, err)
	}
	current, err := decodeSession(plain)
	if err != nil {
		return nil, errors.Join(errStorage, err)
	}
	return current, nil
}

// save replaces the client's session; the caller holds its write lock. It
// returns when the session is durable and no frame uses the one before.
func (s *sessions) save(ctx context.Context, client string, next *session, event string) error {
	record, err := s.sealer.Seal(ctx, next.encode(), additionalData(client))
	if err != nil {
		return errors.Join(errStorage, err)
	}
	if err := s.store.Save(ctx, recordName(client), record); err != nil {
		return errors.Join(errStorage, err)
	}
	return s.announce(ctx, client, event)
}

// forget removes the client's session; the caller holds its write lock.
func (s *sessions) forget(ctx context.Context, client string, event string) error {
	if err := s.store.Delete(ctx, recordName(client)); err != nil {
		return errors.Join(errStorage, err)
	}
	return s.announce(ctx, client, event)
}

// announce makes every frame, this one first, let go of the client's session.
func (s *sessions) announce(ctx context.Context, client, event string) error {
	s.drop(client)
	if err := s.bus.Publish(busMessage(client, event)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, barrierTimeout)
	defer cancel()
	unlock, err := s.locker.Lock(ctx, cacheLock(client), Exclusive)
	if err == nil {
		unlock()
	} else if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// A bus message is the event and the client, in this order: event names have no
// line feed.
func busMessage(client, event string) string { return event + "\n" + client }

func parseBusMessage(message string) (client, event string, ok bool) {
	event, client, ok = strings.Cut(message, "\n")
	return client, event, ok
}
