package devidp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"

	// defaultScope is granted where a client asks for none (RFC 6749 section 3.3).
	defaultScope = "api"
)

// Errors that must not redirect, since nobody vouches for the redirect URI.
var (
	errUnknownClient   = errors.New("this client is not registered")
	errUnknownRedirect = errors.New("this redirect_uri is not registered for the client; it must be equal in every character")
)

// Descriptions of login_required. SDKs of Ping tell "sign in first" from a failure
// by these sentences of PingOne and PingAM.
const (
	loginRequired       = "User authentication is required: nobody is signed in, and prompt=none allows no sign-in form."
	loginRequiredPingAM = "The request requires some interaction that is not allowed."
)

// authorizationRequest is a valid request, ready to be answered.
type authorizationRequest struct {
	issuer      issuer
	client      string
	redirectURI string
	state       string
	hasState    bool
	scope       string
	nonce       string
	challenge   string
	prompts     []string
	maxAge      time.Duration // negative: none asked for
	loginHint   string
	acr         string
	resources   []string
	jkt         string // dpop_jkt: the key that the code is for; "" is none
}

// redirectError is an error that goes to the client (RFC 6749 section 4.1.2.1).
type redirectError struct{ code, description string }

func (e *redirectError) Error() string { return e.code + ": " + e.description }

func (s *Server) authorize(w http.ResponseWriter, r *http.Request, is issuer) {
	parameters, err := readParameters(w, r)
	if err != nil {
		s.errorPage(w, http.StatusBadRequest, "The sign-in request is wrong", err.Error())
		return
	}
	request, err := s.requested(parameters, is)
	var toClient *redirectError
	switch {
	case errors.As(err, &toClient):
		s.redirectError(w, request, toClient)
		return
	case err != nil:
		s.errorPage(w, http.StatusBadRequest, "The sign-in request is wrong", err.Error())
		return
	}

	s.answerAuthorization(w, r, request)()
}

// answerAuthorization decides under the lock and returns what writes the answer, so
// that a slow reader holds nobody else up.
func (s *Server) answerAuthorization(w http.ResponseWriter, r *http.Request, request authorizationRequest) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.currentSession(r)
	if current != nil && (request.tooLong(s.now().Sub(current.authTime)) || !satisfies(current.acr, request.acr)) {
		current = nil
	}
	switch {
	case request.prompted(promptNone) && current == nil:
		description := loginRequired
		if request.issuer.pingAM {
			description = loginRequiredPingAM
		}
		return func() { s.redirectError(w, request, &redirectError{"login_required", description}) }
	case current == nil, request.prompted(promptLogin), request.prompted(promptSelectAccount):
		return s.askSignIn(w, r, request)
	default:
		return s.redirectCode(w, request, current)
	}
}

// parseAuthorization returns a *redirectError as soon as the redirect URI is known
// to be the client's, and other errors before. With a *redirectError the request is
// good enough to answer to.
func (s *Server) parseAuthorization(p url.Values, is issuer) (authorizationRequest, error) {
	request := authorizationRequest{
		issuer: is, client: p.Get("client_id"), redirectURI: p.Get("redirect_uri"),
		state: p.Get("state"), hasState: p.Has("state"),
		scope: p.Get("scope"), nonce: p.Get("nonce"), loginHint: p.Get("login_hint"), maxAge: -1,
	}
	client, ok := s.clients[request.client]
	if !ok {
		return request, fmt.Errorf("client_id: %w", errUnknownClient)
	}
	if !slices.Contains(client.RedirectURIs, request.redirectURI) {
		return request, fmt.Errorf("redirect_uri: %w", errUnknownRedirect)
	}

	refuse := func(code, description string) (authorizationRequest, error) {
		return request, &redirectError{code, description}
	}
	if p.Has("request") {
		return refuse("request_not_supported", "request objects are not supported")
	}
	if p.Has("request_uri") {
		return refuse("request_uri_not_supported", "request objects are not supported")
	}
	if p.Get("response_type") != "code" {
		return refuse("unsupported_response_type", "response_type must be code")
	}
	if mode := p.Get("response_mode"); mode != "" && mode != "query" {
		return refuse("invalid_request", "response_mode must be query")
	}
	request.challenge = p.Get("code_challenge")
	if request.challenge == "" {
		return refuse("invalid_request", "code_challenge is missing: PKCE is required (RFC 7636)")
	}
	if p.Get("code_challenge_method") != "S256" {
		return refuse("invalid_request", "code_challenge_method must be S256")
	}
	if !isSHA256(request.challenge) {
		return refuse("invalid_request", "code_challenge is not a SHA-256 in base64url")
	}
	if request.scope == "" {
		request.scope = defaultScope
	}
	if !isScope(request.scope) {
		return refuse("invalid_scope", "scope is malformed")
	}
	if age := p.Get("max_age"); age != "" {
		seconds, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return refuse("invalid_request", "max_age must be a number of seconds")
		}
		request.maxAge = time.Duration(seconds) * time.Second
	}
	if request.acr, ok = preferredACR(p.Get("acr_values")); !ok {
		return refuse("unmet_authentication_requirements", "acr_values has only unknown contexts")
	}
	if request.resources, ok = s.askedResources(p); !ok {
		return refuse("invalid_target", "resource is unknown here (RFC 8707)")
	}
	request.jkt = p.Get("dpop_jkt")
	if p.Has("dpop_jkt") && !isSHA256(request.jkt) {
		return refuse("invalid_request", "dpop_jkt is not a SHA-256 in base64url")
	}
	request.prompts = strings.Fields(p.Get("prompt"))
	for _, prompt := range request.prompts {
		switch prompt {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return refuse("invalid_request", "prompt has an unknown value")
		}
	}
	if request.prompted(promptNone) && len(request.prompts) > 1 {
		return refuse("invalid_request", "prompt=none goes with no other prompt")
	}
	return request, nil
}

// tooLong says whether a sign-in was so long ago that it has to be done again; with
// max_age=0 each one was.
func (q authorizationRequest) tooLong(ago time.Duration) bool {
	return q.maxAge == 0 || q.maxAge > 0 && ago > q.maxAge
}

func (q authorizationRequest) prompted(prompt string) bool {
	return slices.Contains(q.prompts, prompt)
}

// redirectCode answers with a code. The caller holds s.mu.
func (s *Server) redirectCode(w http.ResponseWriter, q authorizationRequest, current *session) func() {
	g := &grant{
		client: q.client, subject: current.subject, issuer: q.issuer, scope: q.scope,
		session: current.id, nonce: q.nonce, authTime: current.authTime, acr: current.acr,
		resources: q.resources,
	}
	current.join(q.client, q.issuer)
	code := s.issueCode(g, q)
	return func() { s.redirectBack(w, q, url.Values{"code": {code}}) }
}

func (s *Server) redirectError(w http.ResponseWriter, q authorizationRequest, e *redirectError) {
	s.redirectBack(w, q, url.Values{"error": {e.code}, "error_description": {e.description}})
}

// redirectBack sends the browser to the client, with state and with iss (RFC 9207),
// so that the client can tell this server's answer from another's. The app may have
// asked in a hidden frame (prompt=none), so its origins may frame this response.
func (s *Server) redirectBack(w http.ResponseWriter, q authorizationRequest, values url.Values) {
	if q.hasState {
		values.Set("state", q.state)
	}
	switch faults := s.faults.take(EndpointResponse, ""); {
	case faults.noIssuer:
	case faults.wrongIssuer:
		values.Set("iss", anotherIssuer(q.issuer.url))
	default:
		values.Set("iss", q.issuer.url)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+strings.Join(append([]string{"'self'"}, s.options.AllowOrigins...), " "))
	redirectAway(w, withQuery(q.redirectURI, values))
}

// redirectAway leaves by 303, which never repeats a form, and leaves no trace of
// this page's URL in the next one's Referer.
func redirectAway(w http.ResponseWriter, to string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
