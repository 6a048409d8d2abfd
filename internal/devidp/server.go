package devidp

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Notice is what a program that starts the server should print.
const Notice = "Development authorization server and API: accounts and passwords are public, nothing is stored. Never expose it to a network."

// developmentHeader is on every response, so that nobody takes one for the real thing.
const developmentHeader = "X-Development-Only"

// Server is the authorization server and the API. Auth and API give their handlers;
// both are safe for concurrent use, and so are all methods.
type Server struct {
	options Options
	clients map[string]Client
	keys    *keys
	faults  faultBox
	log     *requestLog
	steps   *stepBox

	mu           sync.Mutex // guards everything below
	ledger       ledger
	sessions     expiring[*session]
	transactions expiring[*transaction]
	pushed       expiring[authorizationRequest]
	proofs       expiring[struct{}]    // DPoP proofs that were seen, by key and jti
	nonces       map[ServerKind]string // that DPoP proofs must carry
	stats        Stats
}

// New makes a server with a fresh key.
func New(options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, fmt.Errorf("devidp: %w", err)
	}
	k, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("devidp: %w", err)
	}
	s := &Server{
		options:      options,
		clients:      make(map[string]Client, len(options.Clients)),
		keys:         k,
		log:          newRequestLog(),
		steps:        newStepBox(),
		ledger:       newLedger(),
		sessions:     newExpiring[*session](maxSessions),
		transactions: newExpiring[*transaction](maxTransactions),
		pushed:       newExpiring[authorizationRequest](maxPushed),
		proofs:       newExpiring[struct{}](maxProofs),
		nonces:       make(map[ServerKind]string),
	}
	for _, c := range options.Clients {
		s.clients[c.ID] = c
	}
	return s, nil
}

// Auth is the handler of the authorization server's origin.
func (s *Server) Auth() http.Handler {
	mux := http.NewServeMux()
	s.mountPlain(mux)
	s.mountPingAM(mux)
	mux.HandleFunc("POST "+signInPath, s.signIn)
	mux.HandleFunc("GET "+stylePath, serveAsset("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET "+iconPath, serveAsset("icon.svg", "image/svg+xml"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.errorPage(w, http.StatusNotFound, "There is no such page", "The authorization server does not know this address.")
	})
	return s.outermost(AuthServer, mux)
}

// API is the handler of the API's origin.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	for prefix, audience := range s.options.audiences() {
		mux.Handle(prefix, s.bearerOnly(audience, s.protectedAPI(strings.TrimSuffix(prefix, "/"))))
	}
	mux.Handle("/public/", s.publicAPI())
	mux.HandleFunc("/", apiNotFound)
	return s.outermost(APIServer, s.cors(s.struck(EndpointAPI, mux)))
}

// outermost is what every request passes first.
func (s *Server) outermost(kind ServerKind, next http.Handler) http.Handler {
	return s.log.record(kind, s.now, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(developmentHeader, "true; never expose this server to a network")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		s.sendNonce(w, kind)
		next.ServeHTTP(w, r)
	}))
}

func (s *Server) now() time.Time { return s.options.Now() }

// account finds an account by its subject.
func (s *Server) account(subject string) (Account, bool) {
	for _, a := range s.options.Accounts {
		if a.subject() == subject {
			return a, true
		}
	}
	return Account{}, false
}

func (s *Server) secure() bool { return strings.HasPrefix(s.options.Issuer, "https:") }

// randomValue is an unguessable string of n random bytes, in base64url.
func randomValue(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// only refuses other methods with the list of those that work.
func only(h http.HandlerFunc, methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if r.Method == m {
				h(w, r)
				return
			}
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		writeError(w, http.StatusMethodNotAllowed, "invalid_request", "use "+strings.Join(methods, " or "))
	}
}
