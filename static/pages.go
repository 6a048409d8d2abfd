package static

import (
	"slices"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// PageTemplate is what the vault's own pages are made of: they differ by what the
// script does.
const PageTemplate = "page.html"

// Pages returns the names of the vault's own pages: none, where the app signs in by
// itself.
func Pages(table *policy.Table) []string {
	for i := range table.Clients {
		if table.Clients[i].OwnsSignIn() {
			return []string{protocol.LoginPage, protocol.CallbackPage, protocol.LogoutPage, protocol.SignedOutPage, protocol.FrontChannelPage}
		}
	}
	return nil
}

// TopLevel reports whether a page is shown to a person. It is a document of its own
// then, in no frame, and nothing that a script fetches.
func TopLevel(name string) bool {
	return slices.Contains([]string{protocol.LoginPage, protocol.CallbackPage, protocol.LogoutPage, protocol.SignedOutPage}, name)
}
