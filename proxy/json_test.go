package proxy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// oracleMembers reads the outermost members of a body with encoding/json; ok is
// false for what is no object.
func oracleMembers(body []byte) (names []string, values []json.RawMessage, ok bool) {
	if !json.Valid(body) || !utf8.Valid(body) {
		return nil, nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, nil, false
		}
		names, values = append(names, name.(string)), append(values, value)
	}
	return names, values, true
}

// depth is how deeply a valid JSON text nests.
func depth(body []byte) int {
	deepest, now := 0, 0
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

func checkMembers(t testing.TB, body []byte) {
	t.Helper()
	names, values, want := oracleMembers(body)
	list, err := members(body)
	if want && err != nil {
		require.GreaterOrEqual(t, depth(body), maxJSONDepth, "%q is refused", body)
		return
	}
	require.Equal(t, want, err == nil, "%q", body)
	if err != nil {
		require.Nil(t, list)
		return
	}
	at := 0
	for _, m := range list {
		require.LessOrEqual(t, m.start, m.end)
		require.True(t, json.Valid(body[m.start:m.end]), "%q", body[m.start:m.end])
		if !m.outer {
			continue
		}
		require.Less(t, at, len(names))
		require.Equal(t, names[at], m.name)
		require.Equal(t, string(values[at]), string(body[m.start:m.end]))
		var text string
		err := json.Unmarshal(values[at], &text)
		got, isText := m.text(body)
		require.Equal(t, err == nil && values[at][0] == '"', isText)
		if isText {
			require.Equal(t, text, got)
		}
		require.Equal(t, string(values[at]) == "null", m.isNull(body))
		at++
	}
	require.Len(t, names, at)
}

// bodies are texts on both sides of the border.
var bodies = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":"b","c":[1,2,{"d":null}],"e":{"f":true,"g":false}}`, "{\"a\"\t:\r\n1 , \"b\":2}",
	`{"a":1,"a":2}`, `{"":""}`, `{"\u0061\n\"\\\/\b\f\r\t":"\ud83d\ude00 \ud83d \ude00 \ud83dx \ud83d\u0041"}`,
	`{"n":[0,-0,1,-1,10,1.5,-0.0,1e5,1E+5,1e-5,1.5e10]}`,
	``, ` `, `null`, `1`, `"a"`, `[]`, `[{}]`, `{`, `}`, `{}{}`, `{}x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{'a':1}`,
	`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":5.}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":Infinity}`,
	`{"a":tru}`, `{"a":truex}`, `{"a":nul}`, `{"a":"`, `{"a":"\`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, "{\"a\":\"\n\"}", "{\"a\":\"\x00\"}", "{\"a\":\"\x7f\"}",
	"{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"\xc0\xaf\":1}", "\ufeff{}", "{\"a\":1}\x00", "{\u00a0}", `{"a":1/**/}`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":[1 2]}`, `{"a":1 "b":2}`, `{"a" 1}`,
	`{"a":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}`,
	`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
	strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat(`}`, 70),
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, body := range bodies {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			checkMembers(t, []byte(body))
		})
	}
}

func TestMembersOfEveryObject(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":{"b":[{"c":1}]},"d":2}`)
	list, err := members(body)
	require.NoError(t, err)
	var got []string
	for _, m := range list {
		place := "inner "
		if m.outer {
			place = "outer "
		}
		got = append(got, place+m.name+" "+string(body[m.start:m.end]))
	}
	require.Equal(t, []string{`outer a {"b":[{"c":1}]}`, `inner b [{"c":1}]`, "inner c 1", "outer d 2"}, got)
}

// FuzzMembers holds the scanner against encoding/json.
func FuzzMembers(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkMembers(t, body) })
}

// FuzzRedact checks that a redacted reply is the same JSON but for the tokens.
func FuzzRedact(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"access_token":"a","x":{"refresh_token":["b"]},"\u0061ccess_token":null}`))
	names := []string{"access_token", "refresh_token"}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := members(body)
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
