// Package vault is the browser under the vault origin as package proxy wants it: the
// database, the locks, the network, the messages between windows. Both programs of
// that origin, the frame's and the pages', stand on it.
//
// It also has what they share in talking to their scripts. Exports run inside the call
// that JavaScript makes and never wait. What has to wait runs in a goroutine and
// reports by the one callback, host.settled. The scheduler does not run when an export
// returns, only with an event: JavaScript calls host.wake, a function that does
// nothing, after each export that starts a goroutine.
package vault
