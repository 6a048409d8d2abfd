package proxy

import "tokenvault/internal/policy"

// The access tokens of a client are told apart by the resource indicator (RFC 8707)
// that each was asked for with. A rule names the one that its resources take; a
// UserInfo endpoint takes the token without. The token of the sign-in has one of
// these indicators, and the others are had with the refresh token when they are
// needed.

// indicators lists the resource indicators of a client: all of them are named in an
// authorization request, so that the refresh token is good for each (RFC 8707 §2.1).
func indicators(client *policy.Client) []string {
	var list []string
	for i := range client.Resources {
		if indicator := client.Resources[i].Indicator; indicator != "" && !contains(list, indicator) {
			list = append(list, indicator)
		}
	}
	return list
}

// signInIndicator is the indicator of the token that the code of a sign-in is
// exchanged for: the first. All resources of a client have one, or none has.
func signInIndicator(client *policy.Client) string {
	if len(client.Resources) == 0 {
		return ""
	}
	return client.Resources[0].Indicator
}
