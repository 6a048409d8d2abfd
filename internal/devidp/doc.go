// Package devidp is an authorization server and a protected API for development
// and tests ONLY.
//
// It must never face a network. Its accounts and passwords stand in its source and
// on its own sign-in page, its state lives in memory, its API redirects anywhere,
// reflects credentials and cuts connections on request, and it hands every token it
// ever issued to the process that runs it. New refuses any host that is not
// loopback, each response carries the header X-Development-Only, and the sign-in
// page says so in its first line.
//
// What it is good for: it is strict where a client could be wrong, so a client that
// works here does not lean on a lenient server. It knows every secret it gave out
// (Issued), so a test can search a browser for them. And it misbehaves on demand
// (SetFaults), so a test can see what a client does when the server does.
//
// # Authorization server
//
// The authorization code flow with PKCE for public clients, and nothing else:
//
//   - RFC 6749 authorization code and refresh token grants; RFC 7636 with S256 only
//     (a missing or plain challenge is refused); redirect URIs compared as strings
//     (RFC 9700 section 2.1); iss in the authorization response (RFC 9207).
//   - Codes live a minute and work once. A replayed code revokes what it issued
//     (RFC 6749 section 4.1.2). Refresh tokens rotate; a used one that comes back
//     revokes its family (RFC 9700 section 4.14.2).
//   - RFC 7009 revocation; OpenID Connect discovery, UserInfo, prompt, max_age,
//     RP-initiated logout; RFC 8414 metadata.
//   - Pushed authorization requests (RFC 9126), which a client can be made to use
//     (Client.RequirePAR): good once, for a minute, for the client that pushed.
//   - DPoP (RFC 9449) with ES256, at the token endpoint, for pushed requests, at
//     UserInfo and at the API. A proof binds the access token and the refresh token,
//     and dpop_jkt the code; Client.RequireDPoP refuses to do without. Each origin
//     has a nonce of its own where a test wants one (SetDPoPNonce).
//   - Resource indicators (RFC 8707): a token is for one of Options.Resources, or for
//     the API as a whole and UserInfo. A client that was granted several names one in
//     each token request.
//   - Step-up (RFC 9470): acr_values asks for ACRPassword or ACRMultiFactor; for the
//     latter the form wants SecondFactor, too. Signing in again as the same person
//     goes on with the session.
//   - Front-channel logout: where a session ends by a navigation, the page frames all
//     clients that had somebody sign in within it. A person who comes to the logout
//     endpoint without a hint is asked first, and then signed out everywhere.
//   - Access tokens are RFC 9068 JWTs (at+jwt), signed with ES256: a key costs
//     microseconds, so each test has its own. id_tokens are as well, unless
//     SetIDTokenAlg says otherwise. OpenID Connect asks a server for RS256 at all
//     times; the metadata of this one names the algorithm of the moment. RotateKeys
//     makes new keys, with the old ones still published or not.
//
// The same server answers in PingAM's URL layout under /am, for SDKs that build
// their URLs themselves. Each layout, and each realm, is an issuer of its own: a
// code or refresh token of one is refused by the other.
//
// # API
//
// Everything under /v1/ wants a token (RFC 6750): signature, type, audience and expiry
// are checked, and the token must be one that this server issued and did not revoke.
// One that is bound to a key wants the scheme DPoP and a proof (RFC 9449 section 7).
// Each of Options.Resources has the same under its own path, for its own audience.
// /v1/stepup?acr=…&max_age=… wants a sign-in of that kind. Everything under /public/
// wants no token.
//
// # What it trusts
//
// The process that runs it. Browsers are trusted only as far as the protocol goes:
// sign-in forms are bound to the browser that asked for them, cookies are host-only,
// HttpOnly and SameSite=Lax, CORS names the origins it was given and never "*", and
// the authorization endpoint has no CORS at all, since a page that could read its
// redirects could read codes.
package devidp
