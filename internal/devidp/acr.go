package devidp

import (
	"slices"
	"strings"
)

// The authentication contexts that the server knows. The second satisfies whoever
// asks for the first.
const (
	ACRPassword    = "urn:devidp:pwd"
	ACRMultiFactor = "urn:devidp:mfa"
)

// SecondFactor is what the sign-in page wants besides the password where
// ACRMultiFactor is asked for. The page shows it.
const SecondFactor = "246810"

// satisfies says whether a sign-in of one context is good enough for another.
func satisfies(have, want string) bool {
	return have == want || have == ACRMultiFactor && want == ACRPassword
}

// satisfiesAny takes acr_values: any one of them is enough.
func satisfiesAny(have, values string) bool {
	return slices.ContainsFunc(strings.Fields(values), func(want string) bool { return satisfies(have, want) })
}

// preferredACR is the first of acr_values that the server knows. They are in order
// of preference, and a request without any is content with a password.
func preferredACR(values string) (string, bool) {
	asked := strings.Fields(values)
	if len(asked) == 0 {
		return ACRPassword, true
	}
	for _, acr := range asked {
		if acr == ACRPassword || acr == ACRMultiFactor {
			return acr, true
		}
	}
	return "", false
}

// methodsOf are the amr values (RFC 8176) that make up a context.
func methodsOf(acr string) []string {
	if acr == ACRMultiFactor {
		return []string{"pwd", "otp", "mfa"}
	}
	return []string{"pwd"}
}
