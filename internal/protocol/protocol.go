// Package protocol names everything that crosses a border of Token Vault: the
// messages between page, service worker and vault frame, the error codes an app
// may see, and the packed form in which JavaScript and Go exchange strings.
//
// Three parties speak it. The client script runs in the page, the interceptor in
// the service worker of the app origin, the proxy in the vault's frame. The
// first two are under the app's control and trusted with nothing: the proxy
// decodes what they send strictly and drops what it does not know.
//
// A message is a flat JavaScript object whose values are strings, beside an
// optional body. Flat strings need no deep decoder, and an unknown key cannot
// hide in a nested value.
package protocol

// Version is spoken by all three parties of one build. A frame of another
// version refuses to answer, so that a half-deployed update gives a clear error
// and not a wrong one.
const Version = 1

// VersionText is Version as it stands in a message.
const VersionText = "1"

// Messages from the app origin to the vault's window.
const (
	// MessageConnect brings a port of a service worker life, named by its epoch.
	MessageConnect = "connect"
	// MessageEpochEnded says that this life is over: its requests are aborted.
	MessageEpochEnded = "epoch-ended"
	// MessageCall asks for one of the Call… operations; the answer comes by port.
	MessageCall = "call"
)

// Messages from the vault's window to the page.
const (
	// MessageReady says that the frame listens.
	MessageReady = "ready"
	// MessageEvent carries one of the Event… names.
	MessageEvent = "event"
)

// Messages on the port between interceptor and proxy.
const (
	MessageFetch    = "fetch"    // a request, to the proxy
	MessageCancel   = "cancel"   // the app no longer wants the answer, to the proxy
	MessagePull     = "pull"     // credit for one more chunk, to the proxy
	MessageSent     = "sent"     // the request goes out and may have its effect, to the interceptor
	MessageHead     = "head"     // status, headers and where redirects led, to the interceptor
	MessageChunk    = "chunk"    // a part of the body, to the interceptor
	MessageEnd      = "end"      // the body is complete, to the interceptor
	MessageRedirect = "redirect" // a redirect that the app does not follow, to the interceptor
	MessageFail     = "fail"     // a network failure, to the interceptor
	MessageBypass   = "bypass"   // not ours: the worker fetches it itself
)

// Operations of MessageCall.
const (
	CallStatus  = "status"
	CallRefresh = "refresh"
	CallLogout  = "logout"
	CallRemove  = "remove"
	CallClaims  = "claims"
)

// Events the page may listen to.
const (
	EventSignedIn  = "signedin"
	EventRefreshed = "refreshed"
	EventSignedOut = "signedout"
	// EventLogin ends a sign-in in a popup: "handle" names it, "outcome" is "ok" or
	// why not. The client script keeps it to itself.
	EventLogin = "login"
	// EventStepUp says that an API wants a stronger or newer sign-in (RFC 9470). It has
	// the details acrValues and maxAge.
	EventStepUp = "stepup"
)

// Code is the stable name of an error, for programs. The message beside it is
// for people and may change.
type Code string

const (
	// CodeNotSignedIn: the vault has no token for this client.
	CodeNotSignedIn Code = "not_signed_in"
	// CodeSessionExpired: the token is dead and cannot be renewed.
	CodeSessionExpired Code = "session_expired"
	// CodeRefreshFailed: the authorization server did not answer a refresh; the
	// tokens are kept and a later request tries again.
	CodeRefreshFailed Code = "refresh_failed"
	// CodeMethodNotAllowed: the configuration lists the URL, not the method.
	CodeMethodNotAllowed Code = "method_not_allowed"
	// CodeURLRefused: the URL is written in a form that servers read differently.
	CodeURLRefused Code = "url_refused"
	// CodeInvalidRequest: the request to an endpoint is not one the vault makes.
	CodeInvalidRequest Code = "invalid_request"
	// CodeInvalidResponse: the authorization server answered what is no token response.
	CodeInvalidResponse Code = "invalid_token_response"
	// CodeRedirectRefused: the API redirected a request with a proof of possession.
	CodeRedirectRefused Code = "redirect_refused"
	// CodeStorageFailed: the browser did not store or give back the tokens.
	CodeStorageFailed Code = "storage_failed"
	// CodeUnknownClient: no client of this name is configured.
	CodeUnknownClient Code = "unknown_client"
	// CodeVersionMismatch: app and vault come from different builds.
	CodeVersionMismatch Code = "version_mismatch"
	// CodeVaultUnavailable: no vault frame answers.
	CodeVaultUnavailable Code = "vault_unavailable"
	// CodeVaultTimeout: the answer took longer than requestTimeout.
	CodeVaultTimeout Code = "vault_timeout"
	// CodeWorkerUnavailable: the browser gives this page no service worker.
	CodeWorkerUnavailable Code = "worker_unavailable"
	// CodePopupBlocked: the browser opened no window for a sign-in.
	CodePopupBlocked Code = "popup_blocked"
	// CodeSignInFailed: a sign-in in a popup did not succeed.
	CodeSignInFailed Code = "sign_in_failed"
	// CodeInvalidArgument: a method of the client was called wrongly.
	CodeInvalidArgument Code = "invalid_argument"
)
