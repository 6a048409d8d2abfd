package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// reply is what a page got for a request: a response with a JSON body, or what
// was thrown.
type reply struct {
	Status  int    `json:"status"`
	Error   string `json:"error"`        // the body's
	Message string `json:"message"`      // the body's
	Token   string `json:"token_sha256"` // the body's: which token the API got
	Thrown  string `json:"thrown"`       // the name of the error
	Code    string `json:"code"`         // the code of the error
}

// asking is a script's expression that makes a request and becomes a reply. arg
// is the second argument of fetch.
func asking(url, arg string) string {
	return `fetch(` + js(url) + `, ` + arg + `)
		.then(async (response) => ({ ...await response.json(), status: response.status }))
		.catch((error) => ({ thrown: error.name, code: error.code, message: error.message }))`
}

// whoamiURL is the URL of the API that tells which token it got.
func (s *site) whoamiURL() string { return s.APIURL + "/v1/whoami" }

// ask makes a protected request.
func (s *site) ask(p *tab) reply {
	s.t.Helper()
	return eval[reply](p, `return `+asking(s.whoamiURL(), `{}`))
}

// mustServe makes a protected request, which has to reach the API with the
// newest token.
func (s *site) mustServe(p *tab) {
	s.t.Helper()
	got := s.ask(p)
	require.Equal(s.t, 200, got.Status, "%+v\n%s", got, p.explain())
	require.Equal(s.t, hash(s.token(devidp.AccessToken)), got.Token, "the API got the newest token")
}

// mustRefuse makes a protected request, which the vault has to refuse with a code
// and a message, without asking the API.
func (s *site) mustRefuse(p *tab, status int, code string) {
	s.t.Helper()
	s.IDP.ClearRequests()
	got := s.ask(p)
	assert.Equal(s.t, status, got.Status, "%+v\n%s", got, p.explain())
	assert.Equal(s.t, code, got.Error)
	assert.NotEmpty(s.t, got.Message)
	assert.Empty(s.t, s.calls(), "the API saw a request")
}

// calls lists the requests to the API, without the browser's own preflights.
func (s *site) calls() []devidp.Request {
	var calls []devidp.Request
	for _, request := range s.IDP.Requests() {
		if request.Server == devidp.APIServer && request.Method != "OPTIONS" {
			calls = append(calls, request)
		}
	}
	return calls
}

// waitRequest waits for the log to have a request that matches.
func (s *site) waitRequest(match func(devidp.Request) bool) devidp.Request {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := s.IDP.WaitRequest(ctx, match)
	require.NoError(s.t, err, "no such request came")
	return request
}

// hold makes the API keep every request to a path until the returned function is
// called.
func (s *site) hold(path string) (release func()) {
	until := make(chan struct{})
	release = sync.OnceFunc(func() { close(until) })
	s.t.Cleanup(release)
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointAPI, Kind: devidp.FaultHold, Path: path, Until: until})
	return release
}

// startHeld begins a protected request that the API holds, and returns when it is
// there. The page has its reply as window.held.
func (s *site) startHeld(p *tab) (release func()) {
	s.t.Helper()
	const path = "/v1/json"
	release = s.hold(path)
	eval[any](p, `window.held = `+asking(s.APIURL+path, `{}`))
	s.waitRequest(func(r devidp.Request) bool { return r.Path == path && r.Method == "GET" && !r.Done })
	return release
}

// held is the reply to the request that startHeld began.
func held(p *tab) reply {
	p.t.Helper()
	return eval[reply](p, `return window.held`)
}

// signInAgain signs in once more in a page that signIn opened.
func (s *site) signInAgain(p *tab) {
	s.t.Helper()
	s.IDP.EndSessions()
	eval[any](p, `manager.signinRedirect()`)
	s.fillSignIn(p)
	p.until(`window.user?.profile !== undefined`)
}

// record makes a page keep the vault's events as window.events.
func record(p *tab) {
	p.t.Helper()
	eval[any](p, `
		await tokenvault.ready;
		window.events = [];
		for (const name of ["signedin", "refreshed", "signedout"]) {
			tokenvault.on(name, (event) => window.events.push(event.type + " " + event.client));
		}`)
}

// has asks the vault.
func has(p *tab) bool {
	p.t.Helper()
	return eval[bool](p, `return tokenvault.has("main")`)
}

// mainClient changes the configuration of the first client.
func mainClient(change func(*demo.Client)) func(*demo.Options) {
	return configured(func(c *demo.Configuration) { change(&c.Clients[0]) })
}

// configured changes the configuration.
func configured(change func(*demo.Configuration)) func(*demo.Options) {
	return func(o *demo.Options) { o.Configure = change }
}

// count returns how many of the issued tokens are of a kind.
func (s *site) count(kind devidp.TokenKind) int {
	n := 0
	for _, token := range s.IDP.Issued() {
		if token.Kind == kind {
			n++
		}
	}
	return n
}

// inParallel runs a script in each tab at once and returns the results in order.
func inParallel[T any](t testing.TB, tabs []*tab, body string) []T {
	t.Helper()
	results := make([]T, len(tabs))
	errs := make([]error, len(tabs))
	var group sync.WaitGroup
	for i, p := range tabs {
		group.Go(func() { results[i], errs[i] = tryEval[T](p, body) })
	}
	group.Wait()
	for i, err := range errs {
		require.NoError(t, err, tabs[i].explain())
	}
	return results
}

// queryHas reports whether the request's query has a parameter with this value, which
// needs no escaping.
func queryHas(request devidp.Request, name, value string) bool {
	for part := range strings.SplitSeq(request.Query, "&") {
		if part == name+"="+value {
			return true
		}
	}
	return false
}
