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
//   - Access tokens are RFC 9068 JWTs (at+jwt). Everything is signed with ES256: a
//     key costs microseconds, so each test has its own. OpenID Connect asks a server
//     for RS256 as well; this one does not have it, and its metadata says so.
//
// The same server answers in PingAM's URL layout under /am, for SDKs that build
// their URLs themselves. Each layout, and each realm, is an issuer of its own: a
// code or refresh token of one is refused by the other.
//
// # API
//
// Everything under /v1/ wants a Bearer token (RFC 6750): signature, type, audience
// and expiry are checked, and the token must be one that this server issued and did
// not revoke. Everything under /public/ wants none.
//
// # What it trusts
//
// The process that runs it. Browsers are trusted only as far as the protocol goes:
// sign-in forms are bound to the browser that asked for them, cookies are host-only,
// HttpOnly and SameSite=Lax, CORS names the origins it was given and never "*", and
// the authorization endpoint has no CORS at all, since a page that could read its
// redirects could read codes.
package devidp
