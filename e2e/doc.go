// Package e2e shows what Token Vault promises in a real browser: headless
// Chromium, real origins, a real service worker, and SDKs as npm delivers them.
//
// A test gets a site of its own (four origins on free loopback ports, so its
// storage and its worker are its own) and opens tabs on it, in a browser that no
// other test has meanwhile. It waits for conditions and never for time.
//
// Every flow ends with the canary (canary_test.go): the authorization server
// knows each token that it issued, and none may be found in anything that the
// app origin can read.
package e2e
