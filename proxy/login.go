package proxy

import (
	"context"
	"errors"
	"strings"

	"tokenvault/internal/base64url"
	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/secret"
)

// loginRequest is what the app asks of a sign-in. The app is hostile: it chooses
// here among what the configuration allows, and the vault makes all that the
// security of the answer rests on.
type loginRequest struct {
	client   *policy.Client
	returnTo string // URL of the app
	handle   string // the app's name for a popup; "" for a redirect
	// parameters of the authorization request: those of login, and those that the
	// configuration names
	parameters form
}

// errBadLogin is a request that login() of the client does not make.
var errBadLogin = errors.New("not a request of login()")

// Bounds of what the app may say.
const (
	maxLogin  = 8 << 10 // characters, in all
	maxHandle = 64
)

// Keys of a login request, beside the names of parameters.
const (
	keyClient   = "client"
	keyReturnTo = "return_to"
	keyHandle   = "handle"
)

// parseLogin reads the fragment of the login page.
func (p *Pages) parseLogin(fragment string) (loginRequest, error) {
	if len(fragment) > maxLogin {
		return loginRequest{}, errBadLogin
	}
	fields, err := parseForm(fragment)
	if err != nil {
		return loginRequest{}, errBadLogin
	}
	name, _ := fields.get(keyClient)
	client, ok := p.proxy.clientNamed(name)
	if !ok || !client.OwnsSignIn() {
		return loginRequest{}, errBadLogin
	}
	request := loginRequest{client: client}
	for _, field := range fields {
		switch {
		case !isPlainText(field.value):
			return loginRequest{}, errBadLogin
		case field.name == keyClient:
		case field.name == keyReturnTo:
			request.returnTo = field.value
		case field.name == keyHandle && isHandle(field.value):
			request.handle = field.value
		case field.name != keyHandle && isLoginParameter(client, field):
			request.parameters = append(request.parameters, field)
		default:
			return loginRequest{}, errBadLogin
		}
	}
	return request, nil
}

// encode writes the request as parseLogin reads it.
func (r loginRequest) encode() string {
	fields := form{{keyClient, r.client.Name}, {keyReturnTo, r.returnTo}}
	if r.handle != "" {
		fields = append(fields, parameter{keyHandle, r.handle})
	}
	return append(fields, r.parameters...).encode()
}

// isLoginParameter reports whether the app may set a parameter (OpenID Connect Core
// §3.1.2.1) to this value.
func isLoginParameter(client *policy.Client, p parameter) bool {
	switch p.name {
	case "login_hint", "acr_values":
		return true
	case "max_age":
		_, ok := number(p.value)
		return ok
	case "prompt":
		return isPrompt(p.value)
	default:
		return contains(client.SignIn.Parameters, p.name)
	}
}

// isPrompt accepts a list of known values: none stands alone (OpenID Connect Core
// §3.1.2.1; create is of Initiating User Registration §4.1).
func isPrompt(list string) bool {
	for _, value := range strings.Split(list, " ") {
		if !contains([]string{"login", "consent", "select_account", "create"}, value) {
			return list == "none"
		}
	}
	return true
}

// isPlainText reports whether text has no control characters.
func isPlainText(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }) < 0
}

// isHandle accepts the characters of a UUID.
func isHandle(handle string) bool {
	for i := 0; i < len(handle); i++ {
		if c := handle[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return handle != "" && len(handle) <= maxHandle
}

// mayReturn reports whether a URL, as the browser's parser has taken it apart, is a
// place of the app where a sign-in of the client may end.
func (p *Pages) mayReturn(client *policy.Client, returnTo Target) bool {
	return returnTo.Origin == p.proxy.table.AppOrigin &&
		strings.HasPrefix(returnTo.Href, returnTo.Origin+"/") &&
		client.SignIn.MayReturnTo(returnTo.Path)
}

// Login begins a sign-in: it makes the secrets of a transaction, keeps them, and
// goes on to the authorization server. returnTo is the fragment's, resolved and taken
// apart by the browser's parser.
func (p *Pages) Login(ctx context.Context, fragment string, returnTo Target) Page {
	request, err := p.parseLogin(fragment)
	if err != nil {
		return p.fail(loginRequest{}, ViewRequest)
	}
	request.returnTo = ""
	if p.mayReturn(request.client, returnTo) {
		request.returnTo = returnTo.Href
	} else if request.handle == "" { // a popup returns nowhere
		return p.fail(loginRequest{}, ViewRequest)
	}
	if _, err := p.parseLogin(request.encode()); err != nil {
		return p.fail(loginRequest{}, ViewRequest) // too long as it is kept: nobody could end it
	}
	ctx, cancel := within(ctx, p.proxy.timeout())
	defer cancel()
	next, err := p.newSignIn(request)
	if err != nil {
		return p.fail(request, viewOf(err))
	}
	parameters, err := p.authorizationRequest(ctx, request, next)
	if err != nil {
		return p.fail(request, viewOf(err))
	}
	if !request.client.SignIn.Pushed.IsZero() {
		pushed, page := p.push(ctx, request, parameters)
		if pushed == nil {
			return page
		}
		parameters = pushed
	}
	if err := p.remember(ctx, next); err != nil {
		return p.fail(request, viewOf(err))
	}
	return Page{
		URL:     withQuery(request.client.SignIn.Authorization, parameters),
		Details: []string{"request", next.request},
	}
}

// newSignIn makes a transaction with fresh secrets of 256 bits each.
func (p *Pages) newSignIn(request loginRequest) (transaction, error) {
	next, err := p.proxy.newTransaction(purposeSignIn, request, nil)
	if err != nil {
		return transaction{}, err
	}
	nonce, err := p.proxy.random256()
	if err != nil {
		return transaction{}, err
	}
	verifier, err := p.proxy.random256()
	next.nonce, next.verifier = secret.New(nonce), secret.New(verifier)
	return next, err
}

// authorizationRequest makes the parameters of RFC 6749 §4.1.1 with PKCE (RFC 7636,
// S256 alone), OpenID Connect Core §3.1.2.1, resource indicators (RFC 8707 §2.1) and
// the key that the code is bound to (RFC 9449 §10).
func (p *Pages) authorizationRequest(ctx context.Context, request loginRequest, t transaction) (form, error) {
	client := request.client
	challenge, err := p.proxy.crypto.Digest(ctx, "SHA-256", []byte(t.verifier.Expose())) // EXPOSE: its digest is the challenge
	if err != nil {
		return nil, err
	}
	parameters := form{
		{"response_type", "code"},
		{"client_id", client.ID},
		{"redirect_uri", p.proxy.table.VaultOrigin + "/" + protocol.CallbackPage},
		{"scope", client.Scope},
		{"state", t.id},
		{"code_challenge", base64url.Encode(challenge)},
		{"code_challenge_method", "S256"},
	}
	if client.Scope == "" {
		parameters = parameters.without("scope")
	}
	if isOpenID(client) {
		parameters = append(parameters, parameter{"nonce", t.nonce.Expose()}) // EXPOSE: the server puts it into the id_token
	}
	for _, indicator := range indicators(client) {
		parameters = append(parameters, parameter{"resource", indicator})
	}
	if client.DPoP {
		thumbprint, err := p.proxy.proofThumbprint(ctx, client)
		if err != nil {
			return nil, err
		}
		parameters = append(parameters, parameter{"dpop_jkt", thumbprint})
	}
	return append(parameters, request.parameters...), nil
}

// isOpenID reports whether a sign-in of the client brings an id_token.
func isOpenID(client *policy.Client) bool {
	return contains(strings.Split(client.Scope, " "), "openid")
}

// push sends the authorization request to the server itself (RFC 9126), and returns
// what is left for the URL; nil and a page when the server does not take it.
func (p *Pages) push(ctx context.Context, request loginRequest, parameters form) (form, Page) {
	client := request.client
	reply, err := p.proxy.ask(ctx, client, client.SignIn.Pushed, parameters, nil, "omit")
	if err != nil {
		return nil, p.fail(request, viewOf(err))
	}
	uri := outerText(reply.Body, "request_uri")
	if reply.Status != 201 || uri == "" {
		return nil, p.fail(request, ViewServer, "code", errorCode(reply.Body), "cause", outerText(reply.Body, "error_description"))
	}
	return form{{"client_id", client.ID}, {"request_uri", uri}}, Page{}
}

// errorCode returns the error code of a response in JSON, fit to be shown.
func errorCode(body []byte) string { return shownCode(oauthError(body)) }

// shownCode returns an OAuth error code (RFC 6749 §4.1.2.1) as it may be shown: what
// is not written like one could be a sentence of somebody who wants to be believed.
func shownCode(code string) string {
	for i := 0; i < len(code); i++ {
		if c := code[i]; (c < 'a' || c > 'z') && c != '_' {
			return "unknown"
		}
	}
	if code == "" || len(code) > maxHandle {
		return "unknown"
	}
	return code
}

// withQuery adds parameters to an endpoint's URL.
func withQuery(endpoint policy.Endpoint, parameters form) string {
	separator := "?"
	if endpoint.Query != "" {
		separator = "&"
	}
	return endpoint.URL() + separator + parameters.encode()
}
