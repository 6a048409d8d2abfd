// Package docs holds the documents of this repository to what is true: its tests
// compare README.md, SECURITY.md and the others with the sources. What nothing
// compares goes stale with the next change, and in a project about security a
// reader acts on it.
//
// It checks names and not sentences: that each key, code, event and method is
// explained, that none is invented, that links lead somewhere, that configurations
// are valid, and that the tests which SECURITY.md calls as witnesses exist. Whether a sentence is right is for
// its author and reviewer.
package docs
