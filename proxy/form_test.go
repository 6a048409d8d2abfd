package proxy

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       form
		refused    bool
	}{
		{"nothing", "", nil, false},
		{"pairs, in order", "b=1&a=2", form{{"b", "1"}, {"a", "2"}}, false},
		{"escapes and plus signs", "a%20b=c+d%2B%26%3D", form{{"a b", "c d+&="}}, false},
		{"no value", "a&b=", form{{"a", ""}, {"b", ""}}, false},
		{"no name", "=x", form{{"", "x"}}, false},
		{"equals signs in the value", "a=b=c", form{{"a", "b=c"}}, false},
		{"empty pairs", "&&a=1&&", form{{"a", "1"}}, false},
		{"UTF-8", "a=%C3%A9é", form{{"a", "éé"}}, false},
		{"repeatable", "resource=a&resource=b&audience=c&audience=c", form{{"resource", "a"}, {"resource", "b"}, {"audience", "c"}, {"audience", "c"}}, false},
		{"doubled", "a=1&a=1", nil, true},
		{"doubled, escaped", "a=1&%61=2", nil, true},
		{"doubled, without a value", "a=1&a", nil, true},
		{"a broken escape", "a=%", nil, true},
		{"a cut escape", "a=%4", nil, true},
		{"an escape of other letters", "a=%4g", nil, true},
		{"a broken escape in a name", "%=a", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseForm(tt.body)
			if tt.refused {
				require.ErrorIs(t, err, errBadForm)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// FuzzParseForm holds the parser against net/url where both accept, and what it
// writes against itself.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "a=%20+&%61", "a=b=c&=", "a;b=1", "resource=a&resource=b", "%zz", "a=%C3%A9", "&&", "a=1&a=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		parsed, err := parseForm(body)
		values, oracleErr := url.ParseQuery(body)
		if err != nil {
			return
		}
		if oracleErr != nil {
			// net/url refuses ";", which is an ordinary character to WHATWG URL.
			require.Contains(t, body, ";")
			return
		}
		got := url.Values{}
		for _, p := range parsed {
			got.Add(p.name, p.value)
		}
		require.Equal(t, values, got)

		encoded := parsed.encode()
		again, err := parseForm(encoded)
		require.NoError(t, err)
		require.Equal(t, parsed, again)
		require.Equal(t, -1, strings.IndexFunc(encoded, func(r rune) bool {
			return r > 0x7e || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%=&", r)
		}), "%q", encoded)
	})
}
