package proxy

import (
	"context"
	"errors"
	"strings"
	"time"

	"tokenvault/internal/idtoken"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// errUntrusted is an answer that no authorization server of ours has given.
var errUntrusted = errors.New("the answer of the authorization server cannot be trusted")

// Callback takes the query of the authorization response (RFC 6749 §4.1.2), and ends
// the sign-in that it belongs to. remembered is the request that this window began,
// if it was this one.
func (p *Pages) Callback(ctx context.Context, query, remembered string) Page {
	answer, err := parseForm(query)
	if err != nil {
		return p.stale(ctx, remembered)
	}
	state, _ := answer.get("state")
	t, err := p.take(ctx, state, purposeSignIn)
	if errors.Is(err, errUnknownTransaction) {
		return p.stale(ctx, remembered)
	}
	if err != nil {
		request, _ := p.parseLogin(remembered)
		return p.fail(request, viewOf(err))
	}
	request, err := p.requestOf(t)
	if err != nil {
		return p.fail(request, ViewStale)
	}
	// Before anything else is believed: who says it (RFC 9207 §2.4).
	issuer, named := answer.get("iss")
	code, failed := answer.get("error")
	if named && issuer != request.client.Issuer || !named && request.client.SignIn.RequireIssuer {
		return p.fail(request, ViewUntrusted, "reason", "iss", "cause", code)
	}
	if failed {
		description, _ := answer.get("error_description")
		if code == "access_denied" {
			return p.fail(request, ViewDenied, "cause", description)
		}
		return p.fail(request, ViewServer, "code", shownCode(code), "cause", description)
	}
	code, _ = answer.get("code")
	if code == "" {
		return p.fail(request, ViewUntrusted, "reason", "code")
	}
	return p.exchange(ctx, request, t, code)
}

// stale answers for a response that belongs to nothing: a page that was loaded anew,
// the Back button, or somebody else's response. What the user wanted may be done.
//
// Whose response it is does not matter: nothing of it is used. Who is signed in stays
// signed in as before, and goes on to what this very window has asked for, which was
// checked then. Somebody who leads a user here with a response of his own gets no more
// of it than from a link to the app.
func (p *Pages) stale(ctx context.Context, remembered string) Page {
	request, err := p.parseLogin(remembered)
	if err != nil {
		return p.fail(loginRequest{}, ViewStale)
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	_, current, err := p.proxy.sessions.read(ctx, request.client.Name)
	if err == nil && current != nil && current.usable(p.proxy.clock()) {
		return p.finish(request, "ok")
	}
	return p.fail(request, ViewStale)
}

// exchange makes the token request of a sign-in (RFC 6749 §4.1.3), checks what it
// brings and stores it.
func (p *Pages) exchange(ctx context.Context, request loginRequest, t transaction, code string) Page {
	client := request.client
	parameters := form{
		{"grant_type", "authorization_code"},
		{"code", code},
		{"redirect_uri", p.proxy.table.VaultOrigin + "/" + protocol.CallbackPage},
		{"client_id", client.ID},
		{"code_verifier", t.verifier.Expose()}, // EXPOSE: sent to the configured token endpoint
	}
	indicator := signInIndicator(client)
	if indicator != "" {
		parameters = append(parameters, parameter{"resource", indicator})
	}
	reply, err := p.proxy.askToken(client, parameters, nil, "omit")
	switch {
	case errors.Is(err, errBadTokenReply):
		return p.fail(request, ViewUntrusted, "reason", "tokens")
	case err != nil:
		return p.fail(request, viewOf(err))
	case reply.Status < 200 || reply.Status > 299:
		return p.fail(request, ViewServer, "code", errorCode(reply.Body), "cause", outerText(reply.Body, "error_description"))
	}
	next, err := readTokenReply(reply.Body, client, indicator, nil, p.proxy.clock())
	if err != nil {
		return p.fail(request, ViewUntrusted, "reason", "tokens")
	}
	if err := p.checkIDToken(ctx, request, t, next); err != nil {
		p.proxy.discard(client, next)
		if errors.Is(err, errUntrusted) {
			return p.fail(request, ViewUntrusted, "reason", "id_token", "cause", err.Error())
		}
		return p.fail(request, ViewNetwork)
	}
	return p.offer(ctx, request, next)
}

// checkIDToken validates the id_token of a sign-in (OpenID Connect Core §3.1.3.7). Its
// signature is checked although it came from the server itself, by TLS: of what the
// vault believes, nothing rests on the endpoint's word alone. The keys are asked for
// each time, so that a server that has new ones is understood.
func (p *Pages) checkIDToken(ctx context.Context, request loginRequest, t transaction, next *session) error {
	client := request.client
	if !isOpenID(client) {
		next.id = secret.String{} // not asked for, and nothing to check it by
		return nil
	}
	token, err := idtoken.Parse(next.id.Expose()) // EXPOSE: it is read here
	if err != nil {
		return errors.Join(errUntrusted, err)
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	reply, err := p.proxy.fetcher.Fetch(ctx, FetchRequest{
		Method: "GET", URL: client.SignIn.Keys.URL(), Headers: []string{"accept", "application/json"}, Credentials: "omit",
	})
	if err != nil || reply.Status != 200 {
		return ErrNetwork
	}
	if err := p.checkSignature(ctx, token, reply.Body); err != nil {
		return errors.Join(errUntrusted, err)
	}
	expected := idtoken.Expected{
		Issuer: client.Issuer, ClientID: client.ID, Now: p.proxy.clock(), MaxAge: -1,
		Nonce: t.nonce.Expose(), // EXPOSE: compared with the id_token's
	}
	if seconds, ok := request.parameters.get("max_age"); ok {
		age, _ := number(seconds)
		expected.MaxAge = time.Duration(min(age, int64(maxLifetime/time.Second))) * time.Second
	}
	if values, ok := request.parameters.get("acr_values"); ok {
		expected.ACRValues = strings.Fields(values)
	}
	if err := token.Check(expected); err != nil {
		return errors.Join(errUntrusted, err)
	}
	digest, err := p.proxy.crypto.Digest(ctx, token.HashName(), []byte(next.access.Expose())) // EXPOSE: its digest is compared with the id_token's
	if err == nil {
		err = token.CheckAtHash(digest)
	}
	if err != nil {
		return errors.Join(errUntrusted, err)
	}
	next.claims = token.Claims(client.SignIn.Claims)
	return nil
}

// errBadSignature is an id_token that none of the server's keys has signed.
var errBadSignature = errors.New("the signature of the id_token is false")

// checkSignature checks that one of the server's keys has signed the token.
func (p *Pages) checkSignature(ctx context.Context, token *idtoken.Token, keys []byte) error {
	candidates, err := idtoken.ChooseKeys(keys, token.Algorithm, token.KeyID)
	if err != nil {
		return err
	}
	for _, key := range candidates {
		ok, err := p.proxy.crypto.Verify(ctx, token.Algorithm, key, token.Signature, token.SigningInput)
		if ok && err == nil {
			return nil
		}
	}
	return errBadSignature
}

// offer stores the session of a sign-in, or asks first where it would take the place
// of somebody else's.
func (p *Pages) offer(ctx context.Context, request loginRequest, next *session) Page {
	client := request.client
	reading, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	_, current, err := p.proxy.sessions.read(reading, client.Name)
	switch {
	case err != nil && !errors.Is(err, errUnreadable):
		p.proxy.discard(client, next)
		return p.fail(request, ViewStorage)
	case current == nil, sameAccount(current, next): // unreadable is nobody's: signing in is the mend for it
		return p.store(request, next)
	}
	question, err := p.proxy.newTransaction(purposeAccountChange, request, next)
	if err == nil {
		err = p.remember(reading, question)
	}
	if err != nil {
		p.proxy.discard(client, next)
		return p.fail(request, viewOf(err))
	}
	return askAccountChange(question.id, current, next)
}

// store makes a session the client's, and ends the sign-in. Where the one before, if any,
// is of another account, it is of no more use to anybody.
func (p *Pages) store(request loginRequest, next *session) Page {
	before, stored, err := p.proxy.storeTokens(request.client, next)
	if err != nil && !stored {
		p.proxy.discard(request.client, next)
		return p.fail(request, viewOf(err))
	}
	page := p.finish(request, "ok")
	if before != nil && !sameAccount(before, next) {
		p.proxy.revokeBoth(request.client, before)
	}
	return page
}

// Choices of Confirm.
const (
	ChoiceAsk     = "ask" // again, in a page that was loaded anew
	ChoiceReplace = "replace"
	ChoiceKeep    = "keep"
)

// Confirm takes the user's word on an account change. handle is of the page that
// asked.
func (p *Pages) Confirm(ctx context.Context, handle, choice string) Page {
	if choice == ChoiceAsk {
		return p.askAgain(ctx, handle)
	}
	t, err := p.take(ctx, handle, purposeAccountChange)
	if err != nil {
		return p.fail(loginRequest{}, viewOf(err))
	}
	request, err := p.requestOf(t)
	if err != nil {
		return p.fail(request, ViewStale)
	}
	_, err = p.askedAbout(ctx, request)
	switch {
	case err != nil:
		p.proxy.revokeBoth(request.client, t.session)
		return p.fail(request, viewOf(err))
	case choice == ChoiceReplace:
		return p.store(request, t.session)
	default:
		p.proxy.discard(request.client, t.session)
		return p.finish(request, "account_kept")
	}
}

// askedAbout returns the session that an account change would replace. Who was asked
// about may have signed out, or have been signed out: by a script of the app, or by
// somebody who leaves the device to others. What waits for a word is over then.
func (p *Pages) askedAbout(ctx context.Context, request loginRequest) (*session, error) {
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	_, current, err := p.proxy.sessions.read(ctx, request.client.Name)
	if current == nil && (err == nil || errors.Is(err, errUnreadable)) {
		err = errUnknownTransaction
	}
	return current, err
}

// askAgain asks in a page that was loaded anew: the word is still open.
func (p *Pages) askAgain(ctx context.Context, handle string) Page {
	t, err := p.lookUp(ctx, handle, purposeAccountChange)
	if err != nil {
		return p.fail(loginRequest{}, viewOf(err))
	}
	request, err := p.requestOf(t)
	if err != nil {
		return p.fail(request, ViewStale)
	}
	current, err := p.askedAbout(ctx, request)
	switch {
	case errors.Is(err, errUnknownTransaction):
		return p.Confirm(ctx, handle, ChoiceKeep) // which ends it
	case err != nil:
		return p.fail(request, viewOf(err))
	default:
		return askAccountChange(handle, current, t.session)
	}
}

// askAccountChange names both accounts, as the id_tokens name them: by what people know
// them by, and by what the server tells them apart by.
func askAccountChange(handle string, current, next *session) Page {
	details := []string{"handle", handle}
	for _, account := range []struct {
		of *session
		as string
	}{{current, "old"}, {next, "new"}} {
		name, subject := accountName(account.of.id)
		details = append(details, account.as, name, account.as+"Subject", subject)
	}
	return Page{View: ViewAccountChange, Details: details}
}

// accountName is how a person knows an account, and its subject.
func accountName(id secret.String) (name, subject string) {
	token, err := idtoken.Parse(id.Expose()) // EXPOSE: the names in it are shown to the user
	if err != nil {
		return "", ""
	}
	for _, claim := range []string{"preferred_username", "email", "name"} {
		if name := token.Text(claim); name != "" {
			return name, token.Subject()
		}
	}
	return token.Subject(), ""
}
