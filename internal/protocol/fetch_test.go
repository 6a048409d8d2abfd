package protocol

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func valid(more ...string) []string {
	return append([]string{"v", "1", "type", "fetch", "id", "7", "method", "GET", "url", "https://api.example.com/"}, more...)
}

func TestDecodeFetch(t *testing.T) {
	t.Parallel()
	got, err := DecodeFetch([]string{
		"url", "https://api.example.com/v1?a=b", "v", "1", "method", "POST", "type", "fetch", "id", "",
		"headers", "Accept\n*/*\nx-empty\n\nx-a\n1\n", "credentials", "include",
		"redirect", "follow", "keepalive", "false",
	})
	require.NoError(t, err)
	require.Equal(t, Fetch{
		Method: "POST", URL: "https://api.example.com/v1?a=b", Credentials: "include", Redirect: "follow",
		Headers: []string{"Accept", "*/*", "x-empty", "", "x-a", "1"},
	}, got)
	got, err = DecodeFetch(valid())
	require.NoError(t, err)
	require.Equal(t, Fetch{Method: "GET", URL: "https://api.example.com/"}, got)
}

func TestDecodeFetchIsStrict(t *testing.T) {
	t.Parallel()
	without := func(key string) []string {
		var pairs []string
		for i := 0; i < len(valid()); i += 2 {
			if valid()[i] != key {
				pairs = append(pairs, valid()[i:i+2]...)
			}
		}
		return pairs
	}
	tests := []struct {
		name  string
		pairs []string
		want  error
	}{
		{"nothing", nil, ErrMissingField},
		{"half a pair", []string{"v"}, ErrMalformed},
		{"half a pair more", valid("headers"), ErrMalformed},
		{"no version", without("v"), ErrMissingField},
		{"no type", without("type"), ErrMissingField},
		{"no id", without("id"), ErrMissingField},
		{"no method", without("method"), ErrMissingField},
		{"no URL", without("url"), ErrMissingField},
		{"an unknown field", valid("endpoint", "https://evil.example.com"), ErrUnknownField},
		{"a field in other letters", valid("Headers", ""), ErrUnknownField},
		{"an empty field name", valid("", ""), ErrUnknownField},
		{"a mode", valid("mode", "no-cors"), ErrUnknownField},
		{"a cache mode", valid("cache", "force-cache"), ErrUnknownField},
		{"integrity", valid("integrity", ""), ErrUnknownField},
		{"a body that is text", valid("body", "a=b"), ErrUnknownField},
		{"a doubled URL", valid("url", "https://api.example.com/"), ErrUnknownField},
		{"doubled headers", valid("headers", "", "headers", ""), ErrUnknownField},
		{"a doubled version", valid("v", "1"), ErrUnknownField},
		{"another version", append(without("v"), "v", "2"), ErrBadField},
		{"an empty version", append(without("v"), "v", ""), ErrBadField},
		{"another type", append(without("type"), "type", "cancel"), ErrBadField},
		{"an empty method", append(without("method"), "method", ""), ErrBadField},
		{"a method with a space", append(without("method"), "method", "GET /"), ErrBadField},
		{"a method with a line feed", append(without("method"), "method", "GET\n"), ErrBadField},
		{"a method that is not ASCII", append(without("method"), "method", "GÉT"), ErrBadField},
		{"other credentials", valid("credentials", "all"), ErrBadField},
		{"empty credentials", valid("credentials", ""), ErrBadField},
		{"credentials in other letters", valid("credentials", "Include"), ErrBadField},
		{"another way with redirects", valid("redirect", "Follow"), ErrBadField},
		{"headers without an end", valid("headers", "a\nb"), ErrBadField},
		{"a header without a value", valid("headers", "a\n"), ErrBadField},
		{"a header without a name", valid("headers", "\nb\n"), ErrBadField},
		{"a name with a space", valid("headers", "a b\nc\n"), ErrBadField},
		{"a name with a colon", valid("headers", "a:\nc\n"), ErrBadField},
		{"a name with a trailing space", valid("headers", "authorization \nc\n"), ErrBadField},
		{"a name that is not ASCII", valid("headers", "author\u0131zation\nc\n"), ErrBadField},
		{"a carriage return", valid("headers", "a\nb\r\n"), ErrBadField},
		{"a zero byte", valid("headers", "a\nb\x00\n"), ErrBadField},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeFetch(tt.pairs)
			require.ErrorIs(t, err, tt.want)
			require.Contains(t, err.Error(), " ", "a sentence")
		})
	}
}

// headerName is the token of RFC 9110 section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// FuzzDecodeFetch checks that whatever is accepted is a message that the proxy
// can trust the form of.
func FuzzDecodeFetch(f *testing.F) {
	f.Add(Pack(nil, valid()...))
	f.Add(Pack(nil, valid("headers", "a\nb\n", "credentials", "omit")...))
	f.Add(Pack(nil, valid("headers", "a\nb\nc\n")...))
	f.Add(Pack(nil, valid("url", "x")...))
	f.Add(Pack(nil, "v", "1"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		pairs, err := Unpack(packed)
		if err != nil {
			return
		}
		fetch, err := DecodeFetch(pairs)
		if err != nil {
			return
		}
		fields := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			_, doubled := fields[pairs[i]]
			require.False(t, doubled)
			fields[pairs[i]] = pairs[i+1]
		}
		require.Equal(t, VersionText, fields["v"])
		require.Equal(t, MessageFetch, fields["type"])
		require.Equal(t, fields["url"], fetch.URL)
		require.Equal(t, fields["method"], fetch.Method)
		_, err = http.NewRequest(fetch.Method, "https://api.example.com/", nil)
		require.NoError(t, err, "net/http knows a method when it sees one")
		require.Contains(t, []string{"", "omit", "same-origin", "include"}, fetch.Credentials)
		require.Zero(t, len(fetch.Headers)%2)
		for i := 0; i < len(fetch.Headers); i += 2 {
			require.Regexp(t, headerName, fetch.Headers[i])
			require.False(t, strings.ContainsAny(fetch.Headers[i+1], "\r\n\x00"))
		}
		if len(fetch.Headers) > 0 {
			require.Equal(t, strings.Join(fetch.Headers, "\n")+"\n", fields["headers"], "nothing is lost")
		}
	})
}
