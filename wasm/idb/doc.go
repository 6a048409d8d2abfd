// Package idb keeps the vault's sealed records, and the key that sealed them, in
// one IndexedDB database of the vault origin (W3C Indexed Database API 3.0).
//
// It trusts the browser to keep origins apart. It does not take storage for
// granted: a person clears site data, a browser evicts it, another tab deletes
// or upgrades the database while this one runs. A connection is therefore
// something that can be lost at any moment; the next operation opens a new one,
// and Generation tells those who remember what they read that it may be gone.
//
// Each operation is one short transaction. Inside it nothing is waited for but
// IndexedDB's own requests, because a transaction commits by itself as soon as
// the event loop turns without one. An operation has succeeded when the
// transaction is complete, not when its request is; writes ask for strict
// durability, because a refresh token that was rotated and then lost in a power
// failure makes the next refresh look like the replay of a stolen one
// (RFC 9700, section 4.14.2).
package idb
