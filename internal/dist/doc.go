// Package dist turns a configuration and the compiled binaries into what is
// deployed, and opens it again to be served:
//
//	dist/app       for the app origin: client script, service worker, interceptor
//	dist/vault     for the vault origin: frame, script, proxy
//	dist/headers   the headers of both origins for nginx and Caddy
//	dist/manifest.json
//
// The configuration is baked into the files, since nothing may be configured at
// run time from the app origin. Whatever can be named after its content is
// (static.HashedName), so that a cache may keep it for ever and a half-deployed
// update cannot mix two versions; the few stable names refer to the hashed ones
// by subresource integrity where the browser has it.
//
// A build is reproducible: the files are a function of the configuration, the
// scripts and the binaries, and nothing else. There is no time, no path and no
// order of a map in them. It is also all or nothing: the new folder is complete
// before it takes the place of the old one, and it only takes the place of one
// that this package made.
//
// [Open] reads a folder back into memory and refuses one whose files are not
// those of its manifest, so that a server started on a folder answers with this
// one build until it stops.
package dist
