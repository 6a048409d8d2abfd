// Package static holds what browsers load, and the two handlers that serve it
// with the headers of both origins.
//
// The scripts here are plumbing: they move messages, bytes and calls between the
// browser and the Go programs, and decide nothing. They are templates too, since
// internal/dist bakes the configuration into them; [Files] are the templates.
//
// headers.go is the one source of what both origins say in their headers: the
// handlers send it, and internal/dist writes the same for other servers. The
// vault's headers are a part of the boundary (DESIGN §9), so the vault's handler
// has no setting that weakens them but one whose name says so. It trusts its
// folder and nothing in a request.
package static

import "embed"

// Files are the templates of the scripts, the vault's frame and pages, and the types.
//
//go:embed address.js client.js gowasm.js interceptor.js page.css page.html page.js proxy.html proxy.js vaultwasm.js
//go:embed types/*.d.ts
var Files embed.FS
