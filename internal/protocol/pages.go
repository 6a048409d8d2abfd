package protocol

// Names of the vault's own pages, below its origin. Authorization servers have some of
// them registered, so they never change.
const (
	// LoginPage begins a sign-in.
	LoginPage = "login.html"
	// CallbackPage is the redirect URI of every client that the vault signs in.
	CallbackPage = "callback.html"
	// LogoutPage begins a sign-out that ends at the server.
	LogoutPage = "logout.html"
	// SignedOutPage is where that comes back to: the post-logout redirect URI.
	SignedOutPage = "signed-out.html"
	// FrontChannelPage is what authorization servers load in a frame when a session of
	// theirs has ended: the front-channel logout URI.
	FrontChannelPage = "frontchannel-logout.html"
)
