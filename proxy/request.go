package proxy

import (
	"context"
	"errors"
	"strings"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// Action says what the frame does next with a request.
type Action uint8

const (
	// Fail ends it as a network failure.
	Fail Action = iota
	// Bypass hands it back to the interceptor: it is none of ours.
	Bypass
	// Reply answers the app with Status, Headers and Body.
	Reply
	// Send makes the request with Headers, to URL if there is one, else to the
	// URL that was judged. It may be asked for more than once.
	Send
	// Await waits for Settle.
	Await
	// AwaitBody waits for Settle, which needs the request's body.
	AwaitBody
	// Deliver passes the response on with Headers, with URL if a redirect led
	// there, and its body through Chunk if Scrub is set.
	Deliver
)

// String returns the action's name.
func (a Action) String() string {
	switch a {
	case Bypass:
		return "bypass"
	case Reply:
		return "reply"
	case Send:
		return "send"
	case Await:
		return "await"
	case AwaitBody:
		return "await_body"
	case Deliver:
		return "deliver"
	default:
		return "fail"
	}
}

// Answer is the next step of a request. The zero value fails it.
type Answer struct {
	Action     Action
	Status     int
	StatusText string
	URL        string
	Headers    []string // name, value, name, value, …
	Body       []byte
	Scrub      bool
	// Cache lets the browser's HTTP cache take part in a Send.
	Cache bool
	// Manual keeps the browser from following a redirect of a Send that the app
	// would have it follow.
	Manual bool
}

// Target is a URL as the browser's parser has taken it apart: the one parser
// that also makes the request.
type Target struct {
	Href, Origin, Path string
	Query              string // without "?"
}

// plain reports whether the URL consists of these parts and nothing else: no
// credentials, no fragment, and no URL within a URL (blob:, filesystem:), whose
// origin is that of the inner one.
func (t Target) plain() bool {
	rest, ok := strings.CutPrefix(t.Href, t.Origin+t.Path)
	return ok && (rest == "" || rest == "?"+t.Query)
}

// Response is the head of what a Send brought.
type Response struct {
	Status     int
	StatusText string
	Headers    []string // name, value, name, value, …
	// Redirected is the URL that the browser was led to; zero if to none.
	Redirected Target
}

// exchange is the state of one request of the app.
type exchange struct {
	client      int
	kind        policy.Kind
	indicator   string // of the token that is attached
	method      string
	target      Target
	redirected  bool     // target is where a redirect led
	headers     []string // the app's, filtered
	credentials string
	redirect    string   // what the app wants of redirects, as fetch names it
	used        *session // whose token was attached
	bound       bool     // with a proof
	retried     bool     // with another token
	renonced    bool     // with a nonce that the API gave
	scrub       *scrubber
	hidden      uint64 // how many tokens had been issued when scrub was told of them
	next        func(ctx context.Context, ex *exchange, body []byte) Answer
}

// Begin judges a request that a port of the app origin brought: pairs are the
// fields of the message, target is its URL as the browser reads it. It does not
// block. id names the request until End.
func (p *Proxy) Begin(id uint32, target Target, pairs []string) Answer {
	request, err := protocol.DecodeFetch(pairs)
	if err != nil {
		return refusal(400, protocol.CodeInvalidRequest, "The vault frame refused the message: "+err.Error()+". Deploy app and vault from the same build.")
	}
	if target.Href != request.URL || !target.plain() {
		return refusal(400, protocol.CodeURLRefused, "The URL is not in the form in which the browser writes it, or has credentials or a fragment, so it is not sent with a token. Send new URL(url).href without them.")
	}
	verdict := p.table.Judge(target.Origin, target.Path, target.Query, request.Method)
	ex := &exchange{
		client: verdict.Client, kind: verdict.Kind, indicator: verdict.Indicator, method: request.Method, target: target,
		headers: callerHeaders(request.Headers), credentials: request.Credentials, redirect: request.Redirect,
	}
	switch verdict.Kind {
	case policy.Bypass:
		for i := range p.table.Clients {
			client := &p.table.Clients[i]
			if client.OwnsSignIn() && client.Token == (policy.Endpoint{Origin: target.Origin, Path: target.Path, Query: target.Query}) {
				return refuseToken(client)
			}
		}
		return Answer{Action: Bypass}
	case policy.Token:
		ex.next = p.tokenRequest
		p.put(id, ex)
		return Answer{Action: AwaitBody}
	case policy.Revocation:
		ex.next = p.revocationRequest
		p.put(id, ex)
		return Answer{Action: AwaitBody}
	case policy.EndSession:
		ex.next = p.endSessionRequest
	case policy.Resource, policy.UserInfo:
		p.put(id, ex)
		return p.authorize(ex)
	default:
		return p.denied(verdict, request.Method)
	}
	p.put(id, ex)
	return Answer{Action: Await}
}

// refuseToken is for a token request of the app for a client that the vault signs in:
// the app has no code of it, and is to get none by one.
func refuseToken(client *policy.Client) Answer {
	return refusal(403, protocol.CodeInvalidRequest, "The client \""+client.Name+"\" signs in at the vault, which takes no token request from the app. Call tokenvault.login().")
}

// denied names the reason of a denial and its mend.
func (p *Proxy) denied(verdict policy.Verdict, method string) Answer {
	switch verdict.Reason {
	case policy.MethodNotAllowed:
		return refusal(403, protocol.CodeMethodNotAllowed, "tokenvault.json lists this URL, but not for the method "+method+". Add it to the methods of the resource.")
	case policy.QueryNotAllowed:
		return refusal(403, protocol.CodeURLRefused, "The URL is a token or revocation endpoint with another query than tokenvault.json configures. Call the endpoint as it is configured, and send parameters in the body.")
	default:
		return refusal(403, protocol.CodeURLRefused, "The URL is written in a form that servers read differently ("+verdict.Reason.String()+"). Write the path plainly: without encoded slashes, backslashes or dots, semicolons and empty segments.")
	}
}

// authorize attaches the access token of a request to a resource, at once if it
// is at hand and needs no proof.
func (p *Proxy) authorize(ex *exchange) Answer {
	client := &p.table.Clients[ex.client]
	if current := p.sessions.peek(client.Name); !client.DPoP && current != nil && current.token(ex.indicator).fresh(p.clock(), refreshBefore(client)) {
		return p.attach(ex, current, "")
	}
	ex.next = p.resourceRequest
	return Answer{Action: Await}
}

// present attaches the access token with the proof that it needs, if any.
func (p *Proxy) present(ctx context.Context, ex *exchange, current *session) Answer {
	proof := ""
	if client := &p.table.Clients[ex.client]; client.DPoP {
		var err error
		if proof, err = p.proof(ctx, client, ex.method, ex.target.Origin, ex.target.Path, current.token(ex.indicator).access); err != nil {
			return failure(client.Name, err)
		}
	}
	return p.attach(ex, current, proof)
}

// presentAgain makes the request once more with the token that it was made with.
func (p *Proxy) presentAgain(ctx context.Context, ex *exchange, _ []byte) Answer {
	return p.present(ctx, ex, ex.used)
}

// attach adds the access token, and a proof if there is one. Whatever Authorization
// or DPoP the app wrote is gone. A browser that follows a redirect takes the proof
// along, to whatever origin (Chromium does), so it follows none with a proof.
func (p *Proxy) attach(ex *exchange, current *session, proof string) Answer {
	ex.used, ex.bound = current, proof != ""
	scheme := "Bearer "
	if ex.bound {
		scheme = "DPoP "
	}
	headers := append(append([]string(nil), ex.headers...),
		"authorization", scheme+current.token(ex.indicator).access.Expose()) // EXPOSE: the request leaves the vault for an allow-listed URL
	if ex.bound {
		headers = append(headers, "dpop", proof)
	}
	answer := Answer{
		Action: Send, Headers: headers, Cache: p.unstored.has(ex.target.Href),
		Manual: ex.bound && ex.redirect != "error",
	}
	if ex.redirected {
		answer.URL = ex.target.Href
	}
	return answer
}

// Settle finishes what Begin or Head left open. It blocks. body is the request's
// body where AwaitBody asked for it.
func (p *Proxy) Settle(ctx context.Context, id uint32, body []byte) Answer {
	ex := p.get(id)
	if ex == nil || ex.next == nil {
		return Answer{Action: Fail}
	}
	ctx, cancel := within(ctx, p.timeout())
	defer cancel()
	next := ex.next
	ex.next = nil
	return next(ctx, ex, body)
}

func (p *Proxy) resourceRequest(ctx context.Context, ex *exchange, _ []byte) Answer {
	if ex.kind == policy.UserInfo {
		p.chooseClient(ctx, ex)
	}
	client := &p.table.Clients[ex.client]
	current, err := p.token(ctx, client, ex.indicator)
	if err != nil {
		return failure(client.Name, err)
	}
	return p.present(ctx, ex, current)
}

// chooseClient settles whose token a request to a UserInfo endpoint gets. It may
// serve several clients of one server and names none of them: the first in the
// configuration that is signed in is meant.
func (p *Proxy) chooseClient(ctx context.Context, ex *exchange) {
	endpoint := p.table.Clients[ex.client].UserInfo
	for i := range p.table.Clients {
		other := &p.table.Clients[i]
		if other.UserInfo != endpoint {
			continue
		}
		if current, err := p.sessions.load(ctx, other.Name); err == nil && current != nil && current.usable(p.clock()) {
			ex.client = i
			return
		}
	}
}

// endSessionRequest sends the app's end-session request with the id_token that
// the vault holds as id_token_hint (OpenID Connect RP-Initiated Logout §2).
func (p *Proxy) endSessionRequest(ctx context.Context, ex *exchange, _ []byte) Answer {
	query, err := parseForm(ex.target.Query)
	if err != nil {
		return refusal(400, protocol.CodeInvalidRequest, "The query of the end-session request is refused: "+err.Error()+".")
	}
	client := &p.table.Clients[ex.client]
	if id, ok := query.get("client_id"); ok {
		for i := range p.table.Clients {
			if c := &p.table.Clients[i]; c.ID == id && c.EndSession == client.EndSession {
				client, ex.client = c, i
			}
		}
	}
	hint := p.idTokenHint(ctx, client)
	url, _, _ := strings.Cut(ex.target.Href, "?")
	ex.used = &session{id: hint}
	if !hint.IsZero() {
		query = append(query.without("id_token_hint"), parameter{"id_token_hint", hint.Expose()}) // EXPOSE: sent to the configured end-session endpoint
	}
	if len(query) > 0 {
		url += "?" + query.encode()
	}
	return Answer{Action: Send, URL: url, Headers: ex.headers}
}

// idTokenHint returns the id_token of the client, also of one that has just
// signed out.
func (p *Proxy) idTokenHint(ctx context.Context, client *policy.Client) secret.String {
	if current, err := p.sessions.load(ctx, client.Name); err == nil && current != nil {
		return current.id
	}
	return p.hints.get(client.Name, p.clock())
}

// Head takes the head of the response to a Send. It does not block. What an API has
// redirected to an endpoint that gives tokens or codes fails.
func (p *Proxy) Head(id uint32, response Response) Answer {
	ex := p.get(id)
	if ex == nil || ex.used == nil || p.table.NearEndpoint(response.Redirected.Origin, response.Redirected.Path) {
		return Answer{Action: Fail}
	}
	if ex.bound && response.Status == 0 && ex.redirect != "manual" {
		return refusal(502, protocol.CodeRedirectRefused, "The API redirected a request with a proof of possession (DPoP), which is for one URL, so the vault does not follow. Request the URL that it redirects to, or have the API answer where it is asked.")
	}
	said := header(response.Headers, "cache-control")
	if response.Redirected != (Target{}) {
		said = "" // that is about the URL where it led; the redirect itself may be stored
	}
	p.unstored.note(ex.target.Href, said)
	if p.follow(ex, response.Redirected) {
		return p.authorize(ex)
	}
	if ex.next = p.again(ex, response); ex.next != nil {
		return Answer{Action: Await}
	}
	text := isTextLike(header(response.Headers, "content-type"))
	if text && response.Status == 206 {
		return p.wholeOf(ex)
	}
	scrub := newScrubber(p.hiddenValues(&p.table.Clients[ex.client], ex.used))
	issued, count := p.sessions.issuedSince(0)
	scrub.hide(issued)
	p.tellStepUp(ex, response, scrub)
	answer := Answer{
		Action: Deliver, Status: response.Status, StatusText: scrub.text(response.StatusText),
		URL: scrub.text(ex.finalURL(response.Redirected)), Headers: scrubHeaders(scrub, response.Headers),
	}
	if text {
		ex.scrub, ex.hidden = scrub, count
		answer.Scrub = true
		answer.Headers = without(answer.Headers, "content-length") // it may change
	}
	return answer
}

// again returns how to mend what a resource finds wrong with the token or the proof
// of the request: each once, so that a request with both at fault succeeds and none
// goes on for ever. It is nil if there is nothing to mend.
func (p *Proxy) again(ex *exchange, response Response) func(context.Context, *exchange, []byte) Answer {
	if ex.kind == policy.EndSession || !ex.sawToken(response) {
		return nil
	}
	if ex.bound && p.noteNonce(ex.target.Origin, response.Headers) && !ex.renonced {
		if _, ex.renonced = challengeWith(useNonce, response.Status, response.Headers); ex.renonced {
			return p.presentAgain
		}
	}
	if !ex.retried {
		if _, ex.retried = challengeWith("invalid_token", response.Status, response.Headers); ex.retried {
			return p.retry
		}
	}
	return nil
}

// tellStepUp tells the page of this frame what sign-in an API wants (RFC 9470 §3): the
// frames of other tabs are about other requests. The page gets the words of the API,
// scrubbed like the header that they are from.
func (p *Proxy) tellStepUp(ex *exchange, response Response, scrub *scrubber) {
	if ex.kind == policy.EndSession || !ex.sawToken(response) {
		return
	}
	wanted, ok := challengeWith("insufficient_user_authentication", response.Status, response.Headers)
	if !ok {
		return
	}
	if !printable(wanted.acrValues) {
		wanted.acrValues = ""
	}
	if _, ok := number(wanted.maxAge); !ok {
		wanted.maxAge = ""
	}
	p.tell(Event{p.table.Clients[ex.client].Name, protocol.EventStepUp, []string{
		"acrValues", scrub.text(wanted.acrValues), "maxAge", wanted.maxAge,
	}})
}

// follow takes up a redirect to another origin that is on the list: the browser
// has followed it without a token, and the request is made once more with the
// token of that resource. Only where nothing happens by asking twice, and where
// the method is the same after the redirect.
func (p *Proxy) follow(ex *exchange, target Target) bool {
	if target == (Target{}) || target.Origin == ex.target.Origin || ex.redirected || !isSafe(ex.method) || !target.plain() {
		return false
	}
	verdict := p.table.Judge(target.Origin, target.Path, target.Query, ex.method)
	if verdict.Kind != policy.Resource && verdict.Kind != policy.UserInfo {
		return false
	}
	ex.client, ex.kind, ex.indicator, ex.target, ex.redirected = verdict.Client, verdict.Kind, verdict.Indicator, target, true
	return true
}

// sawToken reports whether the response is of an origin that the token went to. What
// another one says of a token would have a server that redirects lead to end sessions.
func (ex *exchange) sawToken(response Response) bool {
	return response.Redirected == (Target{}) || response.Redirected.Origin == ex.target.Origin
}

// finalURL is the URL of the response, "" when it is the request's.
func (ex *exchange) finalURL(target Target) string {
	if target.Href == "" && ex.redirected {
		return ex.target.Href
	}
	return target.Href
}

// wholeOf asks for the whole of a text of which a part came. A part that the app
// chose could cut a token in two, which nobody finds then.
func (p *Proxy) wholeOf(ex *exchange) Answer {
	if header(ex.headers, "range") == "" || !isSafe(ex.method) {
		return refusal(400, protocol.CodeInvalidRequest, "The vault passes no part of a text on: a token could not be told from its part. Ask for the whole.")
	}
	ex.headers = without(without(ex.headers, "range"), "if-range")
	ex.next = p.presentAgain
	return Answer{Action: Await}
}

// isSafe reports whether a request with this method may be made twice.
func isSafe(method string) bool { return method == "GET" || method == "HEAD" }

// retry renews a token that the API calls invalid and sends the request again.
func (p *Proxy) retry(ctx context.Context, ex *exchange, _ []byte) Answer {
	client := &p.table.Clients[ex.client]
	current, err := p.sessions.load(ctx, client.Name)
	switch {
	case err != nil:
		return failure(client.Name, err)
	case current == nil:
		return failure(client.Name, errNotSignedIn)
	}
	at := current.token(ex.indicator)
	if at.since == ex.used.token(ex.indicator).since || !at.alive(p.clock()) {
		if current.refresh.IsZero() {
			current, err = p.giveUp(client, ex.used)
		} else {
			current, err = p.renew(ctx, client, ex.indicator, current)
		}
		if err != nil {
			if errors.Is(err, ErrNetwork) {
				err = errRefreshFailed
			}
			return failure(client.Name, err)
		}
	}
	return p.present(ctx, ex, current)
}

// Chunk scrubs a part of a body that Deliver marked with Scrub. The result may be
// a part of chunk, and is valid until the next call for this id. It does not block.
func (p *Proxy) Chunk(id uint32, chunk []byte, last bool) []byte {
	ex := p.get(id)
	if ex == nil || ex.scrub == nil {
		return nil
	}
	issued, count := p.sessions.issuedSince(ex.hidden)
	ex.scrub.hide(issued)
	ex.hidden = count
	return ex.scrub.write(chunk, last)
}

// End forgets a request, answered or not. It does not block. Work on the tokens
// that the request began goes on.
func (p *Proxy) End(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.exchanges, id)
}

func (p *Proxy) put(id uint32, ex *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges[id] = ex
}

func (p *Proxy) get(id uint32) *exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exchanges[id]
}

// scrubHeaders scrubs the values, and the names too: both can echo.
func scrubHeaders(scrub *scrubber, headers []string) []string {
	out := make([]string, len(headers))
	for i := 0; i+1 < len(headers); i += 2 {
		out[i], out[i+1] = scrub.name(headers[i]), scrub.text(headers[i+1])
	}
	return out
}

// without drops a header. The name is in lower case.
func without(headers []string, name string) []string {
	out := make([]string, 0, len(headers))
	for i := 0; i+1 < len(headers); i += 2 {
		if lower(headers[i]) != name {
			out = append(out, headers[i], headers[i+1])
		}
	}
	return out
}
