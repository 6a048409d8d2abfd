package static

import (
	"slices"

	"tokenvault/internal/policy"
)

// Names of the vault's own pages. Authorization servers have some of them registered,
// so they never change.
const (
	// LoginPage begins a sign-in.
	LoginPage = "login.html"
	// CallbackPage is the redirect URI of every client that the vault signs in.
	CallbackPage = "callback.html"
	// LogoutPage begins a logout.
	LogoutPage = "logout.html"
	// SignedOutPage is where a logout ends: the post-logout redirect URI.
	SignedOutPage = "signed-out.html"
	// FrontChannelPage is what authorization servers load in a frame when a session
	// of theirs has ended: the front-channel logout URI.
	FrontChannelPage = "frontchannel-logout.html"

	// PageTemplate is what they are made of: they differ by what the script does.
	PageTemplate = "page.html"
)

// Pages returns the names of the vault's own pages: none, where the app signs in by
// itself.
func Pages(table *policy.Table) []string {
	for i := range table.Clients {
		if table.Clients[i].OwnsSignIn() {
			return []string{LoginPage, CallbackPage, LogoutPage, SignedOutPage, FrontChannelPage}
		}
	}
	return nil
}

// TopLevel reports whether a page is shown to a person. It is a document of its own
// then, in no frame, and nothing that a script fetches.
func TopLevel(name string) bool {
	return slices.Contains([]string{LoginPage, CallbackPage, LogoutPage, SignedOutPage}, name)
}
