package proxy

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/jsontext"
)

// FuzzRedact checks that a redacted reply is the same JSON but for the tokens.
func FuzzRedact(f *testing.F) {
	for _, body := range []string{
		`{}`, `[]`, `{"access_token":1}`, `{"a":{"access_token":"b"}}`,
		`{"access_token":"a","x":{"refresh_token":["b"]},"\u0061ccess_token":null}`,
	} {
		f.Add([]byte(body))
	}
	names := []string{"access_token", "refresh_token"}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := jsontext.Members(body)
		if err != nil {
			return
		}
		redacted := redactMembers(body, list, names)
		require.Equal(t, withoutTokens(decode(t, body), names), decode(t, redacted))
	})
}

// decode reads a JSON text; its numbers stay texts, which have no limits.
func decode(t testing.TB, body []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))
	return value
}

// withoutTokens does to a decoded value what redactMembers does to its text.
func withoutTokens(value any, names []string) any {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if contains(names, name) && inner != nil {
				value[name] = "REDACTED"
			} else {
				value[name] = withoutTokens(inner, names)
			}
		}
	case []any:
		for i := range value {
			value[i] = withoutTokens(value[i], names)
		}
	}
	return value
}
