package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// spelled writes s with one kind of escape for each byte.
func spelled(s string, escape func(byte) string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteString(escape(s[i]))
	}
	return out.String()
}

const hexes = "0123456789abcdef"

// escapes are the ways in which a server may write a byte of a header it echoes.
var escapes = map[string]func(byte) string{
	"raw":              func(c byte) string { return string(c) },
	"percent, lower":   func(c byte) string { return "%" + string([]byte{hexes[c>>4], hexes[c&15]}) },
	"percent, upper":   func(c byte) string { return strings.ToUpper("%" + string([]byte{hexes[c>>4], hexes[c&15]})) },
	"JSON":             func(c byte) string { return `\u00` + string([]byte{hexes[c>>4], hexes[c&15]}) },
	"JSON, upper":      func(c byte) string { return `\u00` + strings.ToUpper(string([]byte{hexes[c>>4], hexes[c&15]})) },
	"JavaScript":       func(c byte) string { return `\x` + string([]byte{hexes[c>>4], hexes[c&15]}) },
	"HTML, decimal":    func(c byte) string { return "&#" + itoa(int(c)) + ";" },
	"HTML, hex":        func(c byte) string { return "&#x" + string([]byte{hexes[c>>4], hexes[c&15]}) + ";" },
	"HTML, upper hex":  func(c byte) string { return "&#X00" + strings.ToUpper(string([]byte{hexes[c>>4], hexes[c&15]})) + ";" },
	"HTML, with zeros": func(c byte) string { return "&#00" + itoa(int(c)) + ";" },
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// inTwo scrubs text in two pieces.
func inTwo(scrub *scrubber, text string, cut int) string {
	out := append([]byte(nil), scrub.write([]byte(text[:cut]), false)...)
	return string(append(out, scrub.write([]byte(text[cut:]), true)...))
}

func TestScrubFindsEverySpellingAcrossEveryCut(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"eyJhbGciOi.J9-x_y", "abc/def+ghi==", "per%cent&amp\\back"} {
		for name, escape := range escapes {
			t.Run(secret+" "+name, func(t *testing.T) {
				t.Parallel()
				text := "before " + spelled(secret, escape) + " after"
				for cut := range len(text) + 1 {
					scrub := newScrubber([]string{secret})
					got := inTwo(scrub, text, cut)
					require.Equal(t, "before REDACTED after", got, "cut at %d", cut)
				}
				scrub := newScrubber([]string{secret})
				var got []byte
				for i := range len(text) {
					got = append(got, scrub.write([]byte{text[i]}, i == len(text)-1)...)
				}
				require.Equal(t, "before REDACTED after", string(got), "a byte at a time")
			})
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		secrets []string
		in, out string
	}{
		{"nothing to hide", nil, "text %41 \\u0041 &#65;", "text %41 \\u0041 &#65;"},
		{"nothing found", []string{"secret-one"}, "secret-on e", "secret-on e"},
		{"alone", []string{"secret-one"}, "secret-one", "REDACTED"},
		{"twice, side by side", []string{"secret-one"}, "secret-onesecret-one", "REDACTEDREDACTED"},
		{"after a false start", []string{"aaaaaaab"}, "aaaaaaaaaab", "aaaREDACTED"},
		{"several", []string{"secret-one", "other-token"}, "x other-token y secret-one z", "x REDACTED y REDACTED z"},
		{"one begins as the other, long", []string{"secret-one", "secret-one-and-more"}, "secret-one-and-more", "REDACTED"},
		{"one begins as the other, short", []string{"secret-one-and-more", "secret-one"}, "secret-one-and-less", "REDACTED-and-less"},
		{"one lies in the other", []string{"long-secret-one-long", "secret-one"}, "long-secret-one-long secret-one", "REDACTED REDACTED"},
		{"one lies in what begins as the other", []string{"long-secret-one-long", "secret-one"}, "long-secret-one-short", "long-REDACTED-short"},
		{"mixed spellings", []string{"secret/one"}, `s%65cret\/on&#101;`, "REDACTED"},
		{"a JSON slash", []string{"secret/one"}, `"secret\/one"`, `"REDACTED"`},
		{"JSON quotes and backslashes", []string{`se"cr\et/one`}, `"se\"cr\\et\/one"`, `"REDACTED"`},
		{"a secret with an escape in it", []string{"abc%2Fxyz-123"}, "abc%2Fxyz-123 abc%252Fxyz-123", "REDACTED REDACTED"},
		{"a secret that ends in a percent sign", []string{"secret-100%"}, "secret-100% secret-100%25", "REDACTED REDACTED"},
		{"its text unescaped is another text", []string{"abc%2Fxyz-123"}, "abc/xyz-123", "abc/xyz-123"},
		{"broken escapes", []string{"secret-one"}, `%zz \u12 \q &# &#; &#x; &#99999999999; %e9 &amp;`, `%zz \u12 \q &# &#; &#x; &#99999999999; %e9 &amp;`},
		{"too short to be a secret", []string{"short12", ""}, "short12", "short12"},
		{"the same twice", []string{"secret-one", "secret-one"}, "secret-one", "REDACTED"},
		{"other letters", []string{"secret-one"}, "Secret-One", "Secret-One"},
		{"binary around it", []string{"secret-one"}, "\x00\xff%\xfesecret-one\\\x00&", "\x00\xff%\xfeREDACTED\\\x00&"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.out, newScrubber(tt.secrets).text(tt.in))
			for cut := range len(tt.in) + 1 {
				scrub := newScrubber(tt.secrets)
				got := inTwo(scrub, tt.in, cut)
				require.Equal(t, tt.out, got, "cut at %d", cut)
			}
		})
	}
}

func TestScrubOfHeaderNamesFindsEitherCase(t *testing.T) {
	t.Parallel()
	const token = "eyJhbGciOi.J9-x_Y"
	tests := []struct {
		name     string
		secrets  []string
		in, out  string
		sameText bool // text, which keeps to the case, finds it too
	}{
		{"as it is", []string{token}, "x-" + token, "x-REDACTED", true},
		{"in lower case, as browsers write names", []string{token}, "x-" + strings.ToLower(token) + "-y", "x-REDACTED-y", false},
		{"in upper case", []string{token}, strings.ToUpper(token), "REDACTED", false},
		{"mixed", []string{token}, "EYJhbgciOi.j9-X_y", "REDACTED", false},
		{"escaped, then in lower case", []string{token}, strings.ToLower(spelled(token, escapes["percent, upper"])), "REDACTED", true},
		{"in lower case, then escaped", []string{token}, spelled(strings.ToLower(token), escapes["percent, lower"]), "REDACTED", false},
		{"several", []string{"Another-Token", token}, "another-token" + strings.ToLower(token), "REDACTEDREDACTED", false},
		{"one begins as the other", []string{"Secret-One", "SECRET-ONE-AND-MORE"}, "secret-one-and-more", "REDACTED", false},
		{"after a false start", []string{"Aaaaaaab"}, "aaaaaaaaab", "aaREDACTED", false},
		{"a secret with an escape in it", []string{"Abc%2Fxyz-123"}, "abc%2fxyz-123", "REDACTED", false},
		{"what only differs by the bit of the case", []string{"token[1]@{2}"}, "token{1}@[2]", "token{1}@[2]", true},
		{"an ordinary name", []string{token}, "Content-Type", "Content-Type", true},
		{"cut short", []string{token}, strings.ToLower(token)[:len(token)-1], strings.ToLower(token)[:len(token)-1], true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			scrub := newScrubber(tt.secrets)
			require.Equal(t, tt.out, scrub.name(tt.in))
			require.Equal(t, tt.sameText, scrub.text(tt.in) == tt.out, "values and bodies keep to the case")
			require.Equal(t, tt.out, scrub.name(tt.in), "the next name is scrubbed alike")
		})
	}
}

func TestScrubHoldsBackOnlyWhatCouldBeASecret(t *testing.T) {
	t.Parallel()
	const secret = "eyJhbGciOi.J9-x_y"
	tests := []struct {
		name, chunk string
		held        int
	}{
		{"an event", "data: {\"n\":1}\n\n", 0},
		{"a line", "hello world\n", 0},
		{"JSON", `{"every":"member ends"}`, 0},
		{"the first byte of a secret", "hello e", 1},
		{"a part of a secret", "hello eyJhb", 5},
		{"a part of a secret, and another byte", "hello eyJhb ", 0},
		{"a part of a secret, escaped", "hello eyJ%68b", 7},
		{"a percent sign", "100%", 1},
		{"a percent sign, and another byte", "100% ", 0},
		{"an escape of another byte", "100%25", 0},
		{"an ampersand", "a &", 1},
		{"a named reference", "a &lt", 0},
		{"all but the last byte", secret[:len(secret)-1], len(secret) - 1},
		{"nothing", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			scrub := newScrubber([]string{secret})
			got := string(scrub.write([]byte(tt.chunk), false))
			require.Equal(t, tt.chunk[:len(tt.chunk)-tt.held], got)
			require.Equal(t, tt.chunk[len(tt.chunk)-tt.held:], string(scrub.write(nil, true)), "the rest comes at the end")
			require.Empty(t, scrub.write(nil, true), "once")
		})
	}
}

func TestScrubLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	scrub := newScrubber([]string{"secret-one"})
	chunk := []byte("a secret-one secret-")
	scrub.write(chunk, false)
	require.Equal(t, "a secret-one secret-", string(chunk))
	copy(chunk, strings.Repeat("x", len(chunk))) // JavaScript writes the next chunk there
	require.Equal(t, "REDACTED", string(scrub.write([]byte("one"), true)))
}
