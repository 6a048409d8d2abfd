// Package locks takes Web Locks (W3C Web Locks API), which all tabs, frames and
// workers of one origin share. The vault uses them so that of all its tabs only
// one refreshes a client's tokens.
//
// It trusts the browser to let go of a lock whose holder's page is gone; that is
// what makes a Web Lock better than a flag in storage. Locks are advice among
// the vault's own frames: they guard against accidents, not against an attacker
// who runs in the vault origin.
package locks
