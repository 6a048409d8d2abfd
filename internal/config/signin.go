package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tokenvault/internal/policy"
)

// This file reads the keys about who signs a client in.

const authorizationName = "authorization"

// mode is the value of the key signIn.
type mode uint8

const (
	modeUnknown mode = iota // a fault that is reported; what depends on it is no news then
	modeApp
	modeVault
)

func parseMode(o *object, p *problems) mode {
	v := o.take("signIn")
	if v == nil {
		return modeApp
	}
	text, ok := asString(v, p)
	switch {
	case !ok:
	case text == "app":
		return modeApp
	case text == "vault":
		return modeVault
	default:
		p.add(v.key, fmt.Sprintf("is %q", text), `write "app" or "vault"`)
	}
	return modeUnknown
}

// forVaultOnly reports a key that means nothing where the app signs in.
func forVaultOnly(key string, p *problems) {
	p.add(key, "is for a sign-in by the vault", `remove it, or add "signIn": "vault" to the client`)
}

func parseSignIn(o *object, c *Client, mode mode, p *problems) {
	s := &c.SignIn
	s.Pushed = o.flag("par")
	s.RequireIssuer = o.flag("requireIss")
	s.ReturnTo = parseList(o.take("returnTo"), []string{"/*"}, checkReturnTo, p)
	s.Claims = parseList(o.take("claims"), []string{"sub"}, checkClaim, p)
	s.Parameters = parseList(o.take("loginParameters"), nil, checkParameter, p)
	if len(s.ReturnTo) == 0 && mode == modeVault {
		p.add(o.key("returnTo"), "is empty", `name a path of the app, or leave out the key for "/*"`)
	}
	if mode == modeVault {
		return
	}
	c.SignIn = SignIn{}
	for _, name := range []string{"par", "requireIss", "returnTo", "claims", "loginParameters"} {
		if o.has(name) && mode == modeApp {
			forVaultOnly(o.key(name), p)
		}
	}
}

// parseList reads a list of distinct strings that check accepts.
func parseList(v *value, standard []string, check func(string) *fault, p *problems) []string {
	items, ok := asArray(v, p)
	if !ok {
		return standard
	}
	var list []string
	for _, item := range items {
		text, ok := asString(item, p)
		if !ok {
			continue
		}
		if f := check(text); f != nil {
			p.addFault(item.key, f)
		} else if slices.Contains(list, text) {
			p.add(item.key, fmt.Sprintf("names %s twice", text), "keep one")
		}
		list = append(list, text)
	}
	return list
}

func checkReturnTo(pattern string) *fault {
	if !strings.HasPrefix(pattern, "/") {
		return &fault{"is not a path of the app", "write it from its slash on, such as /account/*; the origin is the app's"}
	}
	return checkPattern(pattern)
}

// checkClaim refuses what is a part of a protocol and none of the user, and the
// tokens themselves.
func checkClaim(name string) *fault {
	switch {
	case name == "":
		return &fault{"is empty", "write the name of a claim, such as sub"}
	case slices.Contains([]string{"nonce", "at_hash", "c_hash", "access_token", "refresh_token", "id_token"}, name):
		return &fault{fmt.Sprintf("names %s, which is for the vault alone", name), "remove it: the app has no use for it, and an attacker may have"}
	default:
		return nil
	}
}

// checkParameter refuses names that the vault sets itself, and those that would
// have a server give out a code for something else or elsewhere. Some servers do
// not know the cases of letters apart, and some take a dot for an underscore.
func checkParameter(name string) *fault {
	read := strings.ReplaceAll(strings.ToLower(name), ".", "_")
	switch {
	case !validName(strings.ReplaceAll(name, ".", "_")) || name == "":
		return &fault{"is not a plain name", "write up to 64 of a–z, A–Z, 0–9, -, . and _ (RFC 6749, appendix A)"}
	case slices.Contains(loginArguments(), read):
		return &fault{fmt.Sprintf("names %s, which login has an argument for", name), "remove it, and give login that argument"}
	case slices.Contains(reservedParameters(), read):
		return &fault{fmt.Sprintf("names %s, which a script in the app must not choose", name), "remove it: the vault sets it by itself or not at all"}
	default:
		return nil
	}
}

// loginArguments are parameters that login can be given in any case.
func loginArguments() []string { return []string{"login_hint", "acr_values", "max_age", "prompt"} }

// reservedParameters are those of the request itself (RFC 6749 §4.1.1, RFC 7636
// §4.3, OpenID Connect Core §3.1.2.1, RFC 8707 §2, RFC 9101 §5, RFC 9126 §2, RFC
// 9396 §2, RFC 9449 §10) and of client authentication.
func reservedParameters() []string {
	return []string{
		"client_id", "client_secret", "client_assertion", "client_assertion_type",
		"response_type", "response_mode", "redirect_uri", "scope", "state", "nonce",
		"code", "code_verifier", "code_challenge", "code_challenge_method",
		"request", "request_uri", "registration", "claims", "id_token_hint",
		"resource", "authorization_details", "dpop_jkt", "iss",
	}
}

// parseSignInEndpoints reads the endpoints that the app reaches by itself where it
// signs in.
func parseSignInEndpoints(o *object, e *Endpoints, c *Client, mode mode, p *problems) {
	for _, endpoint := range []struct {
		name  string
		to    *policy.Endpoint
		needs bool
		mend  string
	}{
		{authorizationName, &e.Authorization, true, "write the URL of the authorization endpoint, such as https://auth.example.com/authorize"},
		{"jwks", &e.Keys, true, "write the URL of the server's key set, its jwks_uri, such as https://auth.example.com/jwks"},
		{"pushedAuthorization", &e.Pushed, c.SignIn.Pushed, `write the URL of the pushed authorization request endpoint, or remove "par"`},
	} {
		v := o.take(endpoint.name)
		text, ok := asString(v, p)
		switch {
		case v != nil && mode == modeApp:
			forVaultOnly(v.key, p)
		case v == nil && mode == modeVault && endpoint.needs && o.isObject():
			p.add(o.key(endpoint.name), "is missing", endpoint.mend)
		case ok && mode == modeVault && !endpoint.needs:
			p.add(v.key, "has no use", `add "par": true to the client, or remove it`)
		case ok:
			*endpoint.to = endpointKey(v.key, text, p)
		}
	}
}

// parseIndicator reads a resource indicator (RFC 8707 §2).
func parseIndicator(v *value, mode mode, p *problems) string {
	text, ok := asString(v, p)
	if v != nil && mode == modeApp {
		p.add(v.key, "is for a sign-in by the vault", `remove it, or add "signIn": "vault" to the client: only the vault's own token requests name a resource`)
		return ""
	}
	if !ok {
		return ""
	}
	const mend = "write it as the server knows it, such as https://api.example.com/ or urn:example:api"
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Scheme == "" || policy.QueryFault(strings.ReplaceAll(text, "#", "")) != "":
		p.add(v.key, "is not an absolute URI", mend)
	case strings.Contains(text, "#"):
		p.add(v.key, "has a fragment", `remove "#" and what follows (RFC 8707 §2)`)
	}
	return text
}
