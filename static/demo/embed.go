// Package demo holds the files of the demonstration page: an ordinary single
// page app that signs in with the authorization code flow, and an attacker's
// console that tries to get the tokens out of it.
//
// Nothing in here knows how the vault works. The page talks OAuth to the
// authorization server and fetch to the API, as it would without Token Vault;
// internal/demo serves it.
package demo

import "embed"

// Files are the page, its style sheet, its modules and its icon.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS
