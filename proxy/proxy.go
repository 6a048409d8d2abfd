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
}

// Proxy decides for one vault frame. Its methods may be called from any
// goroutine; those that are documented not to block never wait for the browser
// and may run inside a WebAssembly export.
type Proxy struct {
	table    *policy.Table
	fetcher  Fetcher
	clock    Clock
	sessions *sessions
	flights  flights
	hints    hints
	// tell sends an event of a client to the page that embeds the frame.
	tell func(client, event string)

	mu        sync.Mutex
	exchanges map[uint32]*exchange
}

// New makes the proxy for a policy. tell is called for each event of a client,
// from this frame or another; it must not block.
func New(table *policy.Table, browser Browser, tell func(client, event string)) *Proxy {
	return &Proxy{
		table:     table,
		fetcher:   browser.Fetcher,
		clock:     browser.Clock,
		sessions:  newSessions(browser.Store, browser.Sealer, browser.Locker, browser.Bus),
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
	client, event, ok := parseBusMessage(message)
	if !ok {
		return
	}
	p.sessions.drop(client)
	p.tell(client, event)
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

// background returns the context of work that must not die with the request
// that began it.
func (p *Proxy) background() (context.Context, context.CancelFunc) {
	timeout := time.Duration(p.table.TimeoutMS) * time.Millisecond
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return context.WithTimeout(context.Background(), timeout)
}

// hiddenValues lists every token that must not reach the app: those of all
// clients in memory, and those of the session a request was made with.
func (p *Proxy) hiddenValues(with *session) []string {
	var values []string
	list := p.sessions.all()
	if with != nil {
		list = append(list, with)
	}
	redact := p.redactAnywhere()
	for _, s := range list {
		values = append(values, s.hidden(redact)...)
	}
	return values
}

// redactAnywhere is the union of what the clients redact.
func (p *Proxy) redactAnywhere() []string {
	var names []string
	for i := range p.table.Clients {
		names = append(names, p.table.Clients[i].Redact...)
	}
	return names
}
