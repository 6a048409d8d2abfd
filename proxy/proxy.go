package proxy

import (
	"context"
	"sync"
	"time"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// Browser is what New needs of the browser.
type Browser struct {
	Store   Store
	Sealer  Sealer
	Locker  Locker
	Fetcher Fetcher
	Bus     Bus
	Clock   Clock
	Crypto  Crypto
}

// Proxy decides for one vault frame. Its methods may be called from any
// goroutine; those that are documented not to block never wait for the browser
// and may run inside a WebAssembly export.
type Proxy struct {
	table    *policy.Table
	fetcher  Fetcher
	clock    Clock
	crypto   Crypto
	sessions *sessions
	flights  flights
	hints    hints
	unstored unstored
	tell     func(Event)

	mu        sync.Mutex
	exchanges map[uint32]*exchange
	nonces    form // by origin: what each wants in the next proof
}

// Event is what the page that embeds the frame is told.
type Event struct {
	Client, Name string   // Name is one of protocol's Event…
	Details      []string // key, value, key, value, …
}

// ofSession reports whether the stored session of the client is another one since.
func (e Event) ofSession() bool {
	switch e.Name {
	case "", protocol.EventSignedIn, protocol.EventRefreshed, protocol.EventSignedOut:
		return true
	default:
		return false
	}
}

// New makes the proxy for a policy. tell is called for each event, of this frame or
// another, and sends it to the page that embeds this one; it must not block.
func New(table *policy.Table, browser Browser, tell func(Event)) *Proxy {
	return &Proxy{
		table:     table,
		fetcher:   browser.Fetcher,
		clock:     browser.Clock,
		crypto:    browser.Crypto,
		sessions:  newSessions(table, browser),
		flights:   flights{running: map[string]*flight{}},
		hints:     hints{values: map[string]hint{}},
		tell:      tell,
		exchanges: map[uint32]*exchange{},
	}
}

// Warm reads the sessions into memory, so that the first request finds its token
// there. What cannot be read now is read, and its error told, when it is needed.
func (p *Proxy) Warm(ctx context.Context) {
	for i := range p.table.Clients {
		_, _ = p.sessions.load(ctx, p.table.Clients[i].Name)
	}
}

// Heard takes a message of another frame of the vault origin. It does not block.
func (p *Proxy) Heard(message string) {
	event, ok := parseBusMessage(message)
	if !ok {
		return
	}
	if event.Name != "" {
		p.tell(event)
	}
	if !event.ofSession() {
		return
	}
	client := event.Client
	p.sessions.drop(client)
	// Read what the other frame has stored: for the next request, and because a
	// body that streams through this frame may echo the token of that one.
	go func() {
		ctx, cancel := p.background()
		defer cancel()
		_, _ = p.sessions.load(ctx, client) // an error is told where it is met again
	}()
}

// Admit says whether a window message is for us: only the embedding page, of the
// configured origin, speaking our version, is heard. A false version gets an
// answer that says so; everything else gets none. It does not block.
func (p *Proxy) Admit(origin string, fromParent bool, version string) Admission {
	switch {
	case origin != p.table.AppOrigin || !fromParent:
		return Ignore
	case version != protocol.VersionText:
		return WrongVersion
	default:
		return Admitted
	}
}

// Admission is the verdict on a window message.
type Admission uint8

const (
	// Ignore drops the message without a trace for the sender.
	Ignore Admission = iota
	// WrongVersion drops it and tells the page why.
	WrongVersion
	// Admitted lets the message be decoded.
	Admitted
)

// String returns the admission's name.
func (a Admission) String() string {
	switch a {
	case WrongVersion:
		return "wrong_version"
	case Admitted:
		return "admitted"
	default:
		return "ignore"
	}
}

// defaultTimeout bounds the vault's own work when the table sets nothing.
const defaultTimeout = 30 * time.Second

func (p *Proxy) timeout() time.Duration {
	if p.table.TimeoutMS <= 0 {
		return defaultTimeout
	}
	return time.Duration(p.table.TimeoutMS) * time.Millisecond
}

// background returns the context of one step of work that must not die with the
// request that began it. Each step has its own: a server that took all of the
// time leaves enough to store what it answered.
func (p *Proxy) background() (context.Context, context.CancelFunc) {
	return within(context.Background(), p.timeout())
}

// within returns a context that is cancelled after d. context.WithTimeout does
// the same, and brings the formatting of times, 30 KB, for the text of its error.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(d, cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// writing takes the client's write lock.
func (p *Proxy) writing(client *policy.Client) (unlock func(), err error) {
	ctx, cancel := p.background()
	defer cancel()
	return p.sessions.locker.Lock(ctx, writeLock(client.Name), Exclusive)
}

// read returns the stored session of a client; while its write lock is held, no other
// takes its place.
func (p *Proxy) read(client *policy.Client) (*session, error) {
	ctx, cancel := p.background()
	defer cancel()
	_, current, err := p.sessions.read(ctx, client.Name)
	return current, err
}

// save stores the session of a client whose write lock is held, and tells of it
// if event is not "".
func (p *Proxy) save(client *policy.Client, before, next *session, event string) error {
	ctx, cancel := p.background()
	defer cancel()
	if err := p.sessions.save(ctx, client.Name, before, next, event); err != nil {
		return err
	}
	if event != "" {
		p.tell(Event{Client: client.Name, Name: event})
	}
	return nil
}

// forget removes the session of a client whose write lock is held, and tells of
// it.
func (p *Proxy) forget(client *policy.Client, before *session) error {
	ctx, cancel := p.background()
	defer cancel()
	if err := p.sessions.forget(ctx, client.Name, before, protocol.EventSignedOut); err != nil {
		return err
	}
	p.tell(Event{Client: client.Name, Name: protocol.EventSignedOut})
	return nil
}

// hiddenValues lists every token that must not reach the app: those of all
// clients in memory, and those of the session a request of client was made with.
func (p *Proxy) hiddenValues(client *policy.Client, with *session) []string {
	values := with.hidden(client.Redact)
	for i := range p.table.Clients {
		other := &p.table.Clients[i]
		if current := p.sessions.peek(other.Name); current != nil {
			values = append(values, current.hidden(other.Redact)...)
		}
	}
	return values
}
