// Package demo runs Token Vault's four origins in one process, on loopback: the
// app with its demonstration page, the vault, the development authorization
// server and the API. The command's subcommand demo and the end-to-end tests
// both start it, so that what the tests prove is what a person sees.
//
// # The origins
//
// Each has a listener of its own and a name below example.localhost, which
// browsers resolve to loopback by themselves (RFC 6761, section 6.3). One parent
// domain makes them same-site, as app.example.com and vault.example.com would
// be; a bare app.localhost would not.
//
// # What it trusts, and what not
//
// The app origin is the hostile one. Its pages get a strict
// Content-Security-Policy, not because the vault leans on it, but because an app
// should have one and the demonstration should work under it.
//
// The authorization server answers the app's own scripts only where an app needs
// that (discovery, keys): at the endpoints that give or take tokens its CORS
// admits the vault alone. A script that goes round the service worker can then
// send a token request but not read the answer. InsecureAppCORS takes this wall
// away, for the test that shows what it is for.
//
// The page asks this package which strings are tokens: it sends SHA-256 hashes
// and learns which of them belong to an issued token (see issued). So the page's
// verdicts about its own attacks are measured, and no value travels.
package demo
