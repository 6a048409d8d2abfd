package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tokenvault/internal/config"
	"tokenvault/static"
)

// role is one of the four origins.
type role uint8

const (
	appRole role = iota
	vaultRole
	authRole
	apiRole
	roles // how many there are
)

// String is the host's first label, and the name of the option and flag.
func (r role) String() string {
	return [...]string{"app", "vault", "auth", "api"}[r]
}

// PortError says that an origin cannot have its address. Name is the origin's
// ("app", "vault", "auth" or "api"), so that a command can name its flag.
type PortError struct {
	Name, Addr string
	Err        error
}

var _ error = (*PortError)(nil)

func (e *PortError) Error() string {
	return fmt.Sprintf("the %s origin cannot listen on %s: %v", e.Name, e.Addr, e.Err)
}

func (e *PortError) Unwrap() error { return e.Err }

// errBlockedPort is the cause where an address is free, but no browser would
// come there.
var errBlockedPort = errors.New("browsers never connect to this port")

// Times of a server. Bodies have no deadline: the API streams on purpose.
const (
	headTimeout  = 10 * time.Second
	closeTimeout = 3 * time.Second
)

// server is one origin: an address, and an HTTP server while it runs.
type server struct {
	role   role
	addr   string
	failed chan<- error

	mu      sync.Mutex
	handler http.Handler
	http    *http.Server
	serving chan struct{}     // closed when the server has ended
	unused  map[net.Conn]bool // connections that have had no request yet
}

// listen takes the address. A port of 0 becomes the one that the system chose,
// so that the origin keeps it over a restart.
func listen(ctx context.Context, role role, addr string) (*server, net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, &PortError{Name: role.String(), Addr: addr, Err: err}
	}
	if bound, ok := listener.Addr().(*net.TCPAddr); ok && config.IsBlockedPort(uint16(bound.Port)) {
		return nil, nil, &PortError{Name: role.String(), Addr: addr, Err: errors.Join(errBlockedPort, listener.Close())}
	}
	return &server{role: role, addr: listener.Addr().String()}, listener, nil
}

// origin is the server's name for browsers.
func (s *server) origin() string {
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		panic(fmt.Errorf("demo: a listener without a port: %w", err)) // a fault of package net
	}
	origin := "http://" + s.role.String() + ".example.localhost"
	if n, err := strconv.Atoi(port); err == nil && n == 80 {
		return origin // browsers leave the default port out
	}
	return origin + ":" + port
}

// serve answers on the listener until stop. Requests end with the server:
// their context is cancelled, so that a stream does not hold it up.
func (s *server) serve(listener net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	server := &http.Server{
		Handler:           http.HandlerFunc(s.answer),
		ReadHeaderTimeout: headTimeout,
		ConnState:         s.watch,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	server.RegisterOnShutdown(cancel)
	if s.role == vaultRole {
		listener = static.VaultListener(listener)
	}
	serving := make(chan struct{})
	s.http, s.serving, s.unused = server, serving, map[net.Conn]bool{}
	go func() {
		defer close(serving)
		defer cancel()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("the %s origin stopped: %w", s.role, err)
		}
	}()
}

// watch keeps the list of unused connections. Browsers open some ahead, and Shutdown
// waits five seconds for each, as a request may be on its way.
func (s *server) watch(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.unused, conn)
	case s.http == nil:
		closeUnused(conn)
	default:
		s.unused[conn] = true
	}
}

// closeUnused ends a connection on which there is nothing to lose.
func closeUnused(conn net.Conn) { _ = conn.Close() }

// answer passes a request to the handler of the moment.
func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// handle sets what the origin answers from now on.
func (s *server) handle(handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = handler
}

// stop ends the server: idle and unused connections at once, the others within
// closeTimeout. Stopping a stopped server does nothing.
func (s *server) stop() error {
	s.mu.Lock()
	server, serving := s.http, s.serving
	s.http = nil
	for conn := range s.unused {
		closeUnused(conn)
	}
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-serving
	if err != nil {
		return fmt.Errorf("the %s origin did not stop cleanly: %w", s.role, err)
	}
	return nil
}

// restart takes the address again after stop.
func (s *server) restart(ctx context.Context) error {
	_, listener, err := listen(ctx, s.role, s.addr)
	if err != nil {
		return err
	}
	s.serve(listener)
	return nil
}
