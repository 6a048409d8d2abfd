package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChallenges(t *testing.T) {
	t.Parallel()
	const stepUp = "insufficient_user_authentication"
	tests := []struct {
		name, header, code string
		want               challenge // without the code; the zero value for none
		ok                 bool
	}{
		{"alone", `Bearer error="x"`, "x", challenge{}, true},
		{"among others", `Bearer realm="api", error="x", error_description="d"`, "x", challenge{}, true},
		{"in other letters", `BEARER ERROR="X"`, "x", challenge{}, true},
		{"with white space", "\tDPoP  error = \"x\" ,algs=\"ES256\"", "x", challenge{}, true},
		{"without quotes", "Bearer error=x", "x", challenge{}, true},
		{"a value without quotes that needs them", "Bearer realm=https://api/?a=b, error=x", "x", challenge{}, true},
		{"without commas", `Bearer realm="api" error="x"`, "x", challenge{}, true},
		{"empty elements", `,, Bearer error="x",,`, "x", challenge{}, true},
		{"the second challenge", `Basic realm="a", DPoP error="x"`, "x", challenge{}, true},
		{"the first challenge", `DPoP error="x", Basic realm="a"`, "x", challenge{}, true},
		{"the first of two with an error", `Bearer error="x", DPoP error="y"`, "x", challenge{}, true},
		{"the second of two with an error", `Bearer error="y", DPoP error="x"`, "x", challenge{}, true},
		{"behind a token68", `Negotiate YWJj/+ZGVm==, Bearer error="x"`, "x", challenge{}, true},
		{"a scheme alone before", `Negotiate, Bearer error="x"`, "x", challenge{}, true},

		{"with an escape", `Bearer error="\x"`, "x", challenge{}, false},
		{"another error", `Bearer error="y"`, "x", challenge{}, false},
		{"a part of the error", `Bearer error="xx"`, "x", challenge{}, false},
		{"another scheme", `Basic error="x"`, "x", challenge{}, false},
		{"no scheme", `error="x"`, "x", challenge{}, false},
		{"an error of another challenge", `Bearer realm="a", Basic error="x"`, "x", challenge{}, false},
		{"within a quoted string", `Bearer error_description="error=\"x\", error=x", error="y"`, "x", challenge{}, false},
		{"within a quoted string, as a challenge", `Basic realm=", Bearer error=x"`, "x", challenge{}, false},
		{"a second error", `Bearer error="y", error="x"`, "x", challenge{}, false},
		{"a quoted string that does not end", `Bearer error="x`, "x", challenge{}, false},
		{"a parameter whose name ends alike", `Bearer not_error="x"`, "x", challenge{}, false},
		{"nothing", "", "x", challenge{}, false},

		{"a sign-in", `Bearer error="` + stepUp + `", acr_values="urn:a urn:b", max_age="5"`, stepUp, challenge{acrValues: "urn:a urn:b", maxAge: "5"}, true},
		{"a sign-in, before the error", `DPoP max_age=5, acr_values=a, error="` + stepUp + `"`, stepUp, challenge{acrValues: "a", maxAge: "5"}, true},
		{"of another challenge", `Basic max_age="1", Bearer error="` + stepUp + `", DPoP acr_values="a"`, stepUp, challenge{}, true},
		{"twice", `Bearer error="` + stepUp + `", max_age="5", max_age="6"`, stepUp, challenge{maxAge: "5"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"WWW-Authenticate", tt.header}
			got, ok := challengeWith(tt.code, 401, headers)
			require.Equal(t, tt.ok, ok)
			if ok {
				tt.want.code = tt.code
				require.Equal(t, tt.want, got)
			}
			_, ok = challengeWith(tt.code, 400, headers)
			require.False(t, ok, "of a 401 only")
		})
	}
}

// Whatever the header is, reading it ends, and what is found stands in it.
func FuzzChallenge(f *testing.F) {
	for _, text := range []string{
		"", `Bearer error="x", acr_values="a b", max_age=5`, `Basic a==, DPoP error=x`, `Bearer error="\\"x`, `"`, `=`, `a=`, `a="`, `a="\`, "Bearer error = x =y",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, ok := challengeWith("x", 401, []string{"www-authenticate", text})
		if !ok {
			return
		}
		require.Equal(t, "x", found.code)
		require.Contains(t, text, found.acrValues)
		require.Contains(t, text, found.maxAge)
		require.True(t, strings.Contains(lower(text), "bearer") || strings.Contains(lower(text), "dpop"), "%q", text)
	})
}
