package proxy

import (
	"errors"

	"tokenvault/internal/jsontext"
	"tokenvault/internal/protocol"
)

// Why a client has no token for a request.
var (
	errNotSignedIn    = errors.New("no tokens are in the vault")
	errSessionExpired = errors.New("the tokens are no longer valid and cannot be renewed")
	errNeedsUser      = errors.New("a token cannot be renewed without the user")
	errRefreshFailed  = errors.New("the authorization server did not renew the tokens")
	errBadTokenReply  = errors.New("the authorization server's answer is no token response")
	errOneToken       = errors.New("there is no refresh token to get another token with")
	errTarget         = errors.New("the authorization server grants no token for the resource")
	errNotBound       = errors.New("the authorization server's tokens are not bound to a key")
	errProofRefused   = errors.New("the authorization server refused the proof of possession")
)

// refusal makes the answer that the app gets in place of a response. Its body
// has the shape that users of Ping's Token Vault know: {"error", "message"}.
func refusal(status int, code protocol.Code, message string) Answer {
	body := append([]byte(nil), `{"error":`...)
	body = jsontext.AppendString(body, string(code))
	body = append(body, `,"message":`...)
	body = jsontext.AppendString(body, message)
	body = append(body, '}')
	return Answer{
		Action:     Reply,
		Status:     status,
		StatusText: "Token Vault",
		Headers:    []string{"content-type", "application/json", "cache-control", "no-store"},
		Body:       body,
	}
}

// failure turns an error of the slow path into the app's answer: an HTTP 400
// where a new sign-in mends it, a network failure where the network failed.
func failure(client string, err error) Answer {
	code, message := describe(client, err)
	switch {
	case errors.Is(err, ErrNetwork):
		return Answer{Action: Fail}
	case code == protocol.CodeRefreshFailed, code == protocol.CodeInvalidResponse:
		return refusal(502, code, message)
	case code == protocol.CodeStorageFailed, code == protocol.CodeVaultTimeout:
		return refusal(503, code, message)
	default:
		return refusal(400, code, message)
	}
}

// describe names an error for the app: a stable code, and a sentence with the
// cause and the mend. No sentence contains what a server or the app has sent.
func describe(client string, err error) (protocol.Code, string) {
	switch {
	case errors.Is(err, errNotSignedIn):
		return protocol.CodeNotSignedIn, "The vault holds no tokens for the client \"" + client + "\". Sign in, then repeat the request."
	case errors.Is(err, errSessionExpired), errors.Is(err, errNeedsUser):
		return protocol.CodeSessionExpired, "The tokens of the client \"" + client + "\" have expired or were revoked and cannot be renewed. Sign in again."
	case errors.Is(err, errBadTokenReply):
		return protocol.CodeInvalidResponse, "The token endpoint of the client \"" + client + "\" answered with something that is no token response (RFC 6749 section 5.1). Check the token endpoint in tokenvault.json."
	case errors.Is(err, errOneToken):
		return protocol.CodeRefreshFailed, "The resource needs an access token of its own, and the vault has no refresh token of the client \"" + client + "\" to get it with. Have the authorization server issue one (scope offline_access), then sign in again."
	case errors.Is(err, errTarget):
		return protocol.CodeRefreshFailed, "The authorization server grants the client \"" + client + "\" no token for this resource (invalid_target). Compare the resource indicators in tokenvault.json with the resources that it knows, and with those of the sign-in."
	case errors.Is(err, errNotBound):
		return protocol.CodeInvalidResponse, "The token endpoint answered with tokens that are not bound to the key of the client \"" + client + "\" (RFC 9449). Enable DPoP for this client at the authorization server, or remove \"dpop\" from it in tokenvault.json."
	case errors.Is(err, errProofRefused):
		return protocol.CodeRefreshFailed, "The authorization server refused the proof of possession (DPoP) of the client \"" + client + "\". The tokens are kept. A clock that is wrong is the usual reason: set this computer's, then try again."
	case errors.Is(err, errRefreshFailed), errors.Is(err, ErrNetwork):
		return protocol.CodeRefreshFailed, "The authorization server did not renew the tokens of the client \"" + client + "\". They are kept; try again later."
	case errors.Is(err, errStorage):
		return protocol.CodeStorageFailed, "The browser could not store or read the tokens. Free some disk space, leave private browsing, or clear the data of the vault's site, then sign in again."
	default:
		return protocol.CodeVaultTimeout, "The vault did not finish in time, probably because another tab of the app holds it up. Close other tabs or try again."
	}
}
