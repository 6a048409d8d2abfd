package jsontext

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func checkObject(t testing.TB, body []byte) {
	t.Helper()
	names, values, ok := oracleMembers(body)
	ok = ok && depth(body) < maxDepth
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	object, err := ParseObject(body)
	switch {
	case !ok:
		// Nesting of just the limit is refused or not by what is innermost.
		if err == nil {
			require.GreaterOrEqual(t, depth(body), maxDepth, "%q", body)
		}
		return
	case len(seen) < len(names):
		require.ErrorIs(t, err, ErrDoubled, "%q", body)
		return
	}
	require.NoError(t, err, "%q", body)
	for i, name := range names {
		require.Equal(t, string(values[i]), string(object.Raw(name)))
	}

	all := []byte(object.Only(names))
	gotNames, gotValues, ok := oracleMembers(all)
	require.True(t, ok, "%q", all)
	require.Equal(t, names, gotNames)
	require.Equal(t, values, gotValues)
}

// objects are beside bodies those whose names matter.
var objects = []string{
	`{"a":1,"b":2}`, `{"a":1,"\u0061":2}`, `{"a":1,"A":2}`, `{"a":{"b":1,"b":2}}`, `{"a":{"b":1},"b":2}`, `{"":1,"":2}`, `{"\ud800":1,"\ufffd":2}`,
	`{"<":">","\"":"\u0022"}`,
}

func TestParseObject(t *testing.T) {
	t.Parallel()
	for _, body := range append(objects, bodies...) {
		checkObject(t, []byte(body))
	}
}

func TestAbsentMembersHaveNoValue(t *testing.T) {
	t.Parallel()
	object, err := ParseObject([]byte(`{"a":{"b":1},"c":null}`))
	require.NoError(t, err)
	require.Nil(t, object.Raw("b"))
	require.Equal(t, "null", string(object.Raw("c")))
}

func TestTextMembers(t *testing.T) {
	t.Parallel()
	object, err := ParseObject([]byte(`{"a":"x\u0079","b":"","c":null,"d":["x"],"e":1}`))
	require.NoError(t, err)
	values := make([]string, 3)
	require.True(t, object.Texts([]string{"b", "a", "absent"}, values))
	require.Equal(t, []string{"", "xy", ""}, values)
	for _, name := range []string{"c", "d", "e"} {
		require.False(t, object.Texts([]string{"a", name, "b"}, values), name)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][]string{
		`"a"`: {"a"}, `["a"]`: {"a"}, `["a" , "\u0062"]`: {"a", "b"}, `[]`: nil, `""`: {""},
	} {
		texts, ok := Texts([]byte(raw))
		require.True(t, ok, raw)
		require.Equal(t, want, texts, raw)
	}
	for _, raw := range []string{`1`, `null`, `{}`, `{"a":"b"}`, `[1]`, `["a",null]`, `[["a"]]`, `true`, ``} {
		_, ok := Texts([]byte(raw))
		require.False(t, ok, raw)
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	object, err := ParseObject([]byte(`{ "sub":"a\u0062", "n" : 1.50 , "o":{"sub":2, "x" : [ ]},"\u0065":null}`))
	require.NoError(t, err)
	for want, names := range map[string][]string{
		`{}`:                         {"absent"},
		`{"sub":"a\u0062"}`:          {"sub", "sub"},
		`{"n" : 1.50,"\u0065":null}`: {"e", "absent", "n"},
		`{"o":{"sub":2, "x" : [ ]}}`: {"o"},
	} {
		require.Equal(t, want, object.Only(names))
	}
}

func checkElements(t testing.TB, body []byte) {
	t.Helper()
	var want []json.RawMessage
	isArray := utf8.Valid(body) && json.Unmarshal(body, &want) == nil && want != nil
	got, err := Elements(body)
	if isArray && err != nil {
		require.GreaterOrEqual(t, depth(body), maxDepth, "%q is refused", body)
		return
	}
	require.Equal(t, isArray, err == nil, "%q", body)
	require.Len(t, got, len(want))
	for i, raw := range got {
		require.Equal(t, string(bytes.TrimSpace(want[i])), string(raw))
		var text string
		isText := json.Unmarshal(want[i], &text) == nil && want[i][0] == '"'
		read, ok := Text(raw)
		require.Equal(t, isText, ok)
		require.Equal(t, text, read)
	}
}

var arrays = []string{
	`[]`, ` [ ] `, `[1]`, `["a","b"]`, "[ 1 ,\t\"a\\u0062\" , {\"c\":[2,[3]]} , [ ] , null , true ]\n", `[[[]],[4]]`,
	`[,]`, `[1,]`, `[1 2]`, `[`, `]`, `[[]`, `[]]`, `[]x`, `{}`, `null`, `""`, ``, "[\"\xff\"]", "\ufeff[]",
}

func TestElements(t *testing.T) {
	t.Parallel()
	for _, body := range append(arrays, bodies...) {
		checkElements(t, []byte(body))
		checkElements(t, []byte("["+body+"]"))
		checkElements(t, []byte("["+body+","+body+"]"))
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	const most = 1000
	for number, want := range map[string]int64{
		"0": 0, "7": 7, "999": 999, "1000": 1000, "1001": most, "99999999999999999999999": most, "1.5": 1, "0.9": 0, "12.000": 12,
	} {
		got, ok := Whole([]byte(number), most)
		require.True(t, ok, number)
		require.Equal(t, want, got, number)
	}
	for _, other := range []string{
		"", "-1", "-0", "1e3", "1E3", "1.5e9", "1.", ".5", "1.5.5", "+1", " 1", "1 ", `"1"`, "null", "true", "[1]", "{}", "0x1",
	} {
		_, ok := Whole([]byte(other), most)
		require.False(t, ok, other)
	}
}

// FuzzObject holds objects with unique names against encoding/json.
func FuzzObject(f *testing.F) {
	for _, body := range append(objects, bodies...) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkObject(t, body) })
}

// FuzzElements holds arrays against encoding/json.
func FuzzElements(f *testing.F) {
	for _, body := range append(arrays, bodies...) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkElements(t, body) })
}
