package jsontext

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
	list, err := Members(body)
	if want && err != nil {
		require.GreaterOrEqual(t, depth(body), maxDepth, "%q is refused", body)
		return
	}
	require.Equal(t, want, err == nil, "%q", body)
	if err != nil {
		require.Nil(t, list)
		return
	}
	at := 0
	for _, m := range list {
		require.LessOrEqual(t, m.Start, m.End)
		require.True(t, json.Valid(body[m.Start:m.End]), "%q", body[m.Start:m.End])
		if !m.Outer {
			continue
		}
		require.Less(t, at, len(names))
		require.Equal(t, names[at], m.Name)
		require.Equal(t, string(values[at]), string(body[m.Start:m.End]))
		var text string
		err := json.Unmarshal(values[at], &text)
		got, isText := m.Text(body)
		require.Equal(t, err == nil && values[at][0] == '"', isText)
		if isText {
			require.Equal(t, text, got)
		}
		require.Equal(t, string(values[at]) == "null", m.IsNull(body))
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
	list, err := Members(body)
	require.NoError(t, err)
	var got []string
	for _, m := range list {
		place := "inner "
		if m.Outer {
			place = "outer "
		}
		got = append(got, place+m.Name+" "+string(body[m.Start:m.End]))
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
