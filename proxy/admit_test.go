package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAdmit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, origin string
		fromParent   bool
		version      string
		want         Admission
	}{
		{"the embedding page", appOrigin, true, "1", Admitted},
		{"another version", appOrigin, true, "2", WrongVersion},
		{"no version", appOrigin, true, "", WrongVersion},
		{"a version that only looks the same", appOrigin, true, "1.0", WrongVersion},
		{"another frame of the app", appOrigin, false, "1", Ignore},
		{"another origin", "https://evil.example.com", true, "1", Ignore},
		{"another origin and version", "https://evil.example.com", true, "2", Ignore},
		{"the vault itself", "https://vault.example.com", true, "1", Ignore},
		{"an opaque origin", "null", true, "1", Ignore},
		{"no origin", "", true, "1", Ignore},
		{"another scheme", "http://app.example.com", true, "1", Ignore},
		{"another port", appOrigin + ":8443", true, "1", Ignore},
		{"a suffix", appOrigin + ".evil.com", true, "1", Ignore},
		{"a slash", appOrigin + "/", true, "1", Ignore},
		{"upper case", "https://APP.example.com", true, "1", Ignore},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frame := newOrigin(t).open()
			require.Equal(t, tt.want, frame.Admit(tt.origin, tt.fromParent, tt.version))
		})
	}
}

// static/proxy.js knows the numbers.
func TestNumbersOnTheWire(t *testing.T) {
	t.Parallel()
	for want, action := range []Action{Fail, Bypass, Reply, Send, Await, AwaitBody, Deliver} {
		require.EqualValues(t, want, action, action.String())
	}
	for want, admission := range []Admission{Ignore, WrongVersion, Admitted} {
		require.EqualValues(t, want, admission, admission.String())
	}
	require.Equal(t, Fail, Answer{}.Action, "the zero answer fails")
}
