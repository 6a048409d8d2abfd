package proxy

import (
	"errors"
	"strings"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// Pages decides for the pages of the vault that stand in a window of their own, on
// the way to the authorization server and back. What is in their URLs is anybody's:
// the app's, another site's, or the server's.
type Pages struct {
	proxy *Proxy
}

// NewPages makes what decides for a page. It has no page around it to tell anything:
// the frames of the vault origin hear of what happens here by the bus.
func NewPages(table *policy.Table, browser Browser) *Pages {
	return &Pages{New(table, browser, func(Event) {})}
}

// Page is what a page does next: it goes on to a URL, or shows a view.
type Page struct {
	URL  string
	View View
	// Details are keys and values for the view: "retry" and "return" are URLs to go
	// on to, "cause" is for the console of who looks for a fault, others are for its
	// text. The window is to remember "request" for Callback and Abandon, and "handle"
	// for Confirm or SignedOut.
	Details []string
}

// View names what a page shows.
type View string

// The views. Those from ViewStale on are errors.
const (
	ViewClose         View = "close"          // done: the window can be closed
	ViewSignedOut     View = "signed-out"     // done: to the app
	ViewAccountChange View = "account-change" // "old" and "new" are names of accounts, "oldSubject" and "newSubject" theirs

	ViewStale     View = "stale"     // the answer belongs to no sign-in that is under way
	ViewRequest   View = "request"   // the page was opened with what login() does not send
	ViewDenied    View = "denied"    // the user, or the server for the user, said no
	ViewServer    View = "server"    // the server's answer is an error, its "code"
	ViewUntrusted View = "untrusted" // the server's answer cannot be trusted, for a "reason"
	ViewNetwork   View = "network"   // the server was not reached
	ViewStorage   View = "storage"   // the browser keeps nothing for the vault
)

// fail makes the page of an error in a sign-in that request began.
func (p *Pages) fail(request loginRequest, view View, details ...string) Page {
	if request.client != nil {
		details = append(details, "retry", "/"+protocol.LoginPage+"#"+request.encode())
	}
	return Page{View: view, Details: append(details, "return", p.returnURL(request))}
}

// returnURL is where the app is, at best the place that it asked for. That was checked
// when the sign-in began (mayReturn); what a window remembers of it may be of another
// deployment, so once more it has to be of the app.
func (p *Pages) returnURL(request loginRequest) string {
	home := p.proxy.table.AppOrigin + "/"
	if strings.HasPrefix(request.returnTo, home) {
		return request.returnTo
	}
	return home
}

// viewOf names the page for an error.
func viewOf(err error) View {
	switch {
	case errors.Is(err, errUnknownTransaction):
		return ViewStale
	case errors.Is(err, errStorage):
		return ViewStorage
	default:
		return ViewNetwork
	}
}

// finish ends a sign-in or sign-out: a popup says so to the page that opened it,
// which cannot be reached but by the vault's frame in it, and has nothing more to do.
func (p *Pages) finish(request loginRequest, outcome string) Page {
	if request.handle == "" {
		return Page{URL: p.returnURL(request)}
	}
	p.tellOpener(request, outcome)
	return Page{View: ViewClose}
}

// Abandon tells the page that opened this window that nothing will come of the
// request, which is the fragment of its login page. It does not block.
func (p *Pages) Abandon(fragment, reason string) {
	if request, err := p.parseLogin(fragment); err == nil && request.handle != "" {
		p.tellOpener(request, reason)
	}
}

// tellOpener says how a popup's sign-in has ended, and no more than that. A message
// that does not go out leaves the opener to its own clock.
func (p *Pages) tellOpener(request loginRequest, outcome string) {
	_ = p.proxy.sessions.bus.Publish(busMessage(Event{
		Client: request.client.Name, Name: protocol.EventLogin,
		Details: []string{"handle", request.handle, "outcome", outcome},
	}))
}
