package devidp

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	pushedTTL   = time.Minute
	pushedBytes = 32

	// requestURIPrefix is that of RFC 9126 section 2.2.
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
)

var errPushedUnknown = errors.New("request_uri is unknown, was used before, has expired or belongs to another client")

// pushedReply is the body of RFC 9126 section 2.2.
type pushedReply struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"`
}

// push is the pushed authorization request endpoint (RFC 9126). What is wrong with a
// request is said here, to the client alone, and never by a redirect.
func (s *Server) push(w http.ResponseWriter, r *http.Request, is issuer) {
	w.Header().Set("Cache-Control", "no-store")
	form, err := readForm(w, r)
	if err != nil {
		writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	uri, err := s.pushFor(r, form, is)
	if err != nil {
		s.writeTokenError(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, pushedReply{RequestURI: uri, ExpiresIn: int64(pushedTTL.Seconds())})
}

func (s *Server) pushFor(r *http.Request, form url.Values, is issuer) (string, error) {
	if err := s.checkPublicClient(r, form); err != nil {
		return "", err
	}
	if form.Has("request_uri") {
		return "", &tokenError{"invalid_request", "request_uri cannot be pushed"}
	}
	jkt, err := s.checkProof(r, AuthServer, "")
	if err != nil {
		return "", err
	}
	request, err := s.parseAuthorization(form, is)
	var toClient *redirectError
	switch {
	case errors.As(err, &toClient):
		return "", &tokenError{toClient.code, toClient.description}
	case err != nil:
		return "", &tokenError{"invalid_request", err.Error()}
	case jkt != "" && request.jkt != "" && jkt != request.jkt:
		return "", invalidProof("dpop_jkt names another key than the proof")
	case jkt != "":
		request.jkt = jkt // a proof says the same as dpop_jkt (RFC 9449 section 10.1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	uri := requestURIPrefix + randomValue(pushedBytes)
	now := s.now()
	s.pushed.put(uri, request, now, now.Add(pushedTTL))
	s.stats.Pushes++
	return uri, nil
}

// requested is the authorization request that a browser brings: itself, or by the
// name it was pushed under. Then nothing else in the URL counts.
func (s *Server) requested(p url.Values, is issuer) (authorizationRequest, error) {
	if uri := p.Get("request_uri"); strings.HasPrefix(uri, requestURIPrefix) {
		return s.takePushed(uri, p.Get("client_id"), is)
	}
	request, err := s.parseAuthorization(p, is)
	if err == nil && s.clients[request.client].RequirePAR {
		err = &redirectError{"invalid_request", "this client must push its authorization requests (RFC 9126)"}
	}
	return request, err
}

// takePushed works once. A stranger who only names the request does not use it up.
func (s *Server) takePushed(uri, client string, is issuer) (authorizationRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request, ok := s.pushed.get(uri, s.now())
	if !ok || request.client != client || request.issuer != is {
		return authorizationRequest{}, errPushedUnknown
	}
	s.pushed.remove(uri)
	return request, nil
}
