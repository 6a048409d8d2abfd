// Package proxy decides what the vault frame does: it performs token requests,
// keeps the tokens, answers the app without them, attaches them to requests that
// the policy allows, renews and revokes them, and scrubs them out of responses.
//
// # What it trusts
//
// The policy table, which is baked into the files of the vault origin at build
// time, and the browser under this origin. It trusts nothing of the app origin,
// neither the page nor the service worker: each message is taken for the work of
// an attacker who runs in the app, decoded strictly and judged again, however
// often the interceptor has judged it.
//
// # What it refuses
//
// Endpoints and settings named by the app; token requests other than the two
// grants of a sign-in and its renewal; a token that the app hands in; a URL that
// is not written as the browser writes it. It refuses to send a request without
// its token: a client that is signed out gets an HTTP 400 with a code and the mend.
//
// # How it is driven
//
// The browser reaches this package as small interfaces (browser.go) and calls it
// along the way of a request: Begin judges it, Settle does what has to wait (a
// token request, a renewal, the store), Head takes the response's head, Chunk its
// body, End forgets it. Begin, Head, Chunk and End never block; they are the hot
// path and run inside WebAssembly exports.
//
// Pages is the other half: what the vault's own pages do, in windows of their own,
// when the vault signs a client in or out (pages.go, login.go, callback.go,
// signout.go). A program of its own has it; of this one the linker leaves it out.
//
// # Sources
//
// RFC 6749 (OAuth 2.0), RFC 6750 (bearer tokens), RFC 7009 (revocation), RFC 7636
// (PKCE), RFC 8707 (resource indicators), RFC 9126 (pushed authorization requests),
// RFC 9207 (issuer identification), RFC 9449 (DPoP), RFC 9470 (step-up), RFC 9700
// (security best practice), OpenID Connect Core 1.0, RP-Initiated Logout 1.0 and
// Front-Channel Logout 1.0.
package proxy
