// Command bench measures Token Vault beside what it competes with, in one run of
// one browser, and says which of the goals it meets:
//
//	go run ./e2e/bench -rounds 4 -out bench.json
//
// The columns differ in what stands between the page and the API:
//
//	direct  nothing
//	worker  a service worker that lets every request pass
//	ping    npm @forgerock/token-vault, wired as its README says
//	axa     npm @axa-fr/oidc-client with its service worker, wired as its README says
//	floor   the way that a request of ours takes, in bare JavaScript: page, worker,
//	        port, frame of another origin, fetch. It checks nothing, so it is the
//	        best that this way can do, and no product
//	vault   ours, as internal/demo serves it
//
// Every column has an app origin of its own, because a worker needs a scope of its
// own. The page's code and the API are the same. Samples are taken in turn, column
// after column, round after round: a machine that is busy for a while is so for
// all. What a column cannot do is a dash with a reason, never a number.
//
// No test depends on a time measured here.
package main
