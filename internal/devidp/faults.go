package devidp

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// Endpoint says where a fault strikes.
type Endpoint uint8

// Endpoints that faults can strike. Both URL layouts are meant.
const (
	EndpointNone      Endpoint = iota // strikes nothing
	EndpointDiscovery                 // both metadata documents
	EndpointJWKS
	EndpointAuthorize
	EndpointCode    // the token endpoint, authorization_code grant
	EndpointRefresh // the token endpoint, refresh_token grant
	EndpointRevocation
	EndpointUserInfo
	EndpointEndSession
	EndpointSessions // PingAM's JSON sessions
	EndpointAPI      // the whole API; narrow it with Fault.Path
	EndpointPush     // the pushed authorization request endpoint

	// EndpointResponse is the redirect that answers an authorization request, also
	// the one that comes after the sign-in form. Only FaultWrongIssuer and
	// FaultNoIssuer strike there, and Fault.Path must be empty.
	EndpointResponse
)

// FaultKind says what goes wrong.
type FaultKind uint8

// Kinds of faults. Several on one endpoint add up: a hold, then a delay, then
// whatever ends the request.
const (
	NoFault           FaultKind = iota
	FaultHold                   // wait until Fault.Until is closed
	FaultDelay                  // wait for Fault.Delay
	FaultStatus                 // answer Fault.Status (500 by default)
	FaultDrop                   // cut the connection before doing anything
	FaultDropReply              // token endpoint: do everything, then cut the connection
	FaultGarbage                // answer 200 with a page that is no JSON
	FaultInvalidToken           // answer 401 invalid_token
	FaultInvalidGrant           // answer 400 invalid_grant
	FaultNoRotation             // refresh: the same refresh token comes back and stays good
	FaultOmitRefresh            // token endpoint: no refresh_token in the reply; in a refresh the old one stays good
	FaultIgnoreProof            // token endpoint: give bearer tokens, as a server that does not know DPoP

	FaultWrongIssuer // EndpointResponse: iss is another issuer; token endpoint: so it is in the id_token
	FaultNoIssuer    // EndpointResponse: no iss

	// What is wrong with the id_token of EndpointCode or EndpointRefresh. Of several
	// that concern the signature, one wins.
	FaultIDOmit       // there is none, though openid was granted
	FaultIDNonce      // another nonce
	FaultIDNoNonce    // no nonce
	FaultIDAudience   // aud is another client
	FaultIDParty      // azp is another client
	FaultIDSubject    // sub is somebody else
	FaultIDExpired    // issued and expired an hour before
	FaultIDAccessHash // at_hash of another access token
	FaultIDAuthTime   // auth_time a day before
	FaultIDSignature  // the signature of another token
	FaultIDUnsigned   // alg none
	FaultIDSymmetric  // HS256 with the public key as the secret
	FaultIDKey        // a kid that is not published
)

// Fault is one misbehaviour.
//
// Times counts the requests it strikes; 0 means every one. Mind that a browser
// repeats a request by itself when a connection that it used before is cut without
// an answer: a FaultDrop with Times 1 may never be noticed.
type Fault struct {
	Endpoint Endpoint
	Kind     FaultKind
	Path     string // EndpointAPI and others: only this exact path; "" means all
	Times    int

	Status int             // FaultStatus
	Delay  time.Duration   // FaultDelay
	Until  <-chan struct{} // FaultHold
}

// SetFaults replaces all faults; without arguments it ends them.
func (s *Server) SetFaults(faults ...Fault) { s.faults.set(faults) }

// faultBox holds the faults that are in force.
type faultBox struct {
	mu     sync.Mutex
	faults []*armedFault
}

type armedFault struct {
	Fault
	left int // strikes left; negative: without end
}

func (b *faultBox) set(faults []Fault) {
	armed := make([]*armedFault, 0, len(faults))
	for _, f := range faults {
		left := f.Times
		if left == 0 {
			left = -1
		}
		armed = append(armed, &armedFault{Fault: f, left: left})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = armed
}

// take counts one request and returns what strikes it.
func (b *faultBox) take(endpoint Endpoint, path string) strikes {
	b.mu.Lock()
	defer b.mu.Unlock()
	var st strikes
	for _, f := range b.faults {
		if f.Endpoint != endpoint || f.Endpoint == EndpointNone || f.left == 0 || (f.Path != "" && f.Path != path) {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		st.add(f.Fault)
	}
	return st
}

// strikes is the sum of the faults that hit one request.
type strikes struct {
	holds        []<-chan struct{}
	delay        time.Duration
	status       int
	drop         bool
	dropReply    bool
	garbage      bool
	invalidToken bool
	invalidGrant bool
	noRotation   bool
	omitRefresh  bool
	ignoreProof  bool
	noIssuer     bool
	wrongIssuer  bool
	idToken      []FaultKind
}

func (st *strikes) add(f Fault) {
	switch f.Kind {
	case NoFault:
	case FaultHold:
		st.holds = append(st.holds, f.Until)
	case FaultDelay:
		st.delay += f.Delay
	case FaultStatus:
		st.status = f.Status
		if st.status == 0 {
			st.status = http.StatusInternalServerError
		}
	case FaultDrop:
		st.drop = true
	case FaultDropReply:
		st.dropReply = true
	case FaultGarbage:
		st.garbage = true
	case FaultInvalidToken:
		st.invalidToken = true
	case FaultInvalidGrant:
		st.invalidGrant = true
	case FaultNoRotation:
		st.noRotation = true
	case FaultOmitRefresh:
		st.omitRefresh = true
	case FaultIgnoreProof:
		st.ignoreProof = true
	case FaultNoIssuer:
		st.noIssuer = true
	case FaultWrongIssuer:
		st.wrongIssuer = true
		st.idToken = append(st.idToken, f.Kind)
	default:
		st.idToken = append(st.idToken, f.Kind)
	}
}

// strike waits as told and says whether the request has been answered.
func (st strikes) strike(w http.ResponseWriter, r *http.Request) bool {
	if len(st.holds) > 0 || st.delay > 0 {
		// Only once the body is read does net/http see that a client is gone.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, until := range st.holds {
		select {
		case <-until:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // the client is gone
		}
	}
	pause(r, st.delay)
	switch {
	case st.drop:
		panic(http.ErrAbortHandler)
	case st.status != 0:
		writeError(w, st.status, "server_error", "a fault that a test asked for")
	case st.garbage:
		send(w, http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>Gateway</title><p>This is not JSON."))
	case st.invalidToken:
		challenge(w, r, errTokenInvalid)
	case st.invalidGrant:
		writeError(w, http.StatusBadRequest, "invalid_grant", "a fault that a test asked for")
	default:
		return false
	}
	return true
}

// struck puts an endpoint within reach of its faults.
func (s *Server) struck(endpoint Endpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.faults.take(endpoint, r.URL.Path).strike(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// pause waits, and ends the request when its client leaves meanwhile.
func pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}
