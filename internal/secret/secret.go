// Package secret keeps token values out of everything that prints.
//
// A [String] holds an access token, a refresh token, a code verifier or
// anything else that must not leave the vault. Whatever formats it (fmt with
// any verb, encoding/json, log/slog, a test failure) gets "REDACTED"; the value
// itself comes out in one way only, through [String.Expose], and each call of
// Expose carries a comment that says why:
//
//	header := "Bearer " + token.Expose() // EXPOSE: the request leaves the vault for an allow-listed URL
//
// A native test of this package walks the repository and fails on a call
// without that comment, so that a review of every place where a secret is
// readable is one grep.
//
// The package trusts its own process: it is a guard against accidents, not
// against code that reads memory. It refuses comparison with == (two equal
// secrets are two pointers, and the compiler says so) and conversion to string.
//
// It imports nothing, because it is part of proxy.wasm, whose size is budgeted.
// That is also why it has no Format method (fmt.Formatter names a type of fmt):
// the value lies behind a pointer instead, and a verb that finds no String
// method, or a String in an unexported field where fmt may not call methods,
// prints an address.
package secret

// Redacted is what a secret prints as. It is also what the vault puts in the
// place of a token in a body that the app receives.
const Redacted = "REDACTED"

// String is a secret string. The zero value is the empty secret.
type String struct {
	_     [0]func() // not comparable: == would compare pointers
	value *string   // fmt follows no pointer below the top level
}

// New wraps value.
//
//go:noinline
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{value: &value}
}

// Expose returns the secret itself. Each call needs an "EXPOSE:" comment with
// the reason, on its own line or on the line above.
func (s String) Expose() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether s is the empty secret.
func (s String) IsZero() bool { return s.value == nil }

// String implements fmt.Stringer; it returns [Redacted].
func (s String) String() string { return Redacted }

// GoString implements fmt.GoStringer, for %#v; it returns [Redacted].
func (s String) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler; it returns [Redacted]. A
// secret that has to be stored is exposed and sealed by name, never marshalled
// along with the struct that holds it.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler; it returns [Redacted] in quotes.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }
