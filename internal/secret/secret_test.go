package secret_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/secret"
)

var (
	_ fmt.Stringer           = secret.String{}
	_ fmt.GoStringer         = secret.String{}
	_ encoding.TextMarshaler = secret.String{}
	_ json.Marshaler         = secret.String{}
)

const canary = "canary-9f8e7d6c5b4a"

type holder struct {
	Public  secret.String `json:"public"`
	private secret.String
	Pointer *secret.String
	List    []secret.String
	Map     map[string]secret.String
}

func newHolder() holder {
	s := secret.New(canary)
	return holder{
		Public:  s,
		private: s,
		Pointer: &s,
		List:    []secret.String{s},
		Map:     map[string]secret.String{"k": s},
	}
}

// leaks reports whether out holds the canary, raw or in hexadecimal, as %x would
// write it.
func leaks(out string) bool {
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))} {
		if bytes.Contains([]byte(out), []byte(form)) {
			return true
		}
	}
	return false
}

func TestNoVerbPrintsTheSecret(t *testing.T) {
	t.Parallel()
	s := secret.New(canary)
	held := newHolder()
	values := map[string]any{
		"value": s, "pointer": &s, "struct": held, "pointer to struct": &held,
		"slice": []secret.String{s}, "array": [1]secret.String{s}, "any": []any{s},
		"nested": struct{ inner struct{ s secret.String } }{struct{ s secret.String }{s}},
	}
	for name, value := range values {
		for verb := '!'; verb <= '~'; verb++ {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "# ", "+#", "200", ".200"} {
				format := "%" + flags + string(verb)
				assert.False(t, leaks(fmt.Sprintf(format, value)), "%s with %s", format, name)
			}
		}
	}
	// The positive control: leaks sees a secret that is printed.
	for _, format := range []string{"%v", "%q", "%x", "%X", "%#v"} {
		assert.True(t, leaks(fmt.Sprintf(format, s.Expose())), format)
		assert.True(t, leaks(fmt.Sprintf(format, struct{ s string }{canary})), format)
	}
}

func TestPrintsRedacted(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]secret.String{"secret": secret.New(canary), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for format, want := range map[string]string{
				"%v": "REDACTED", "%+v": "REDACTED", "%#v": "REDACTED", "%s": "REDACTED", "%q": `"REDACTED"`,
			} {
				assert.Equal(t, want, fmt.Sprintf(format, s), format)
			}
			assert.Equal(t, "REDACTED", s.String())
			assert.Equal(t, "REDACTED", s.GoString())
		})
	}
}

func TestNoEncoderWritesTheSecret(t *testing.T) {
	t.Parallel()
	held := newHolder()
	out, err := json.Marshal(held)
	require.NoError(t, err)
	assert.JSONEq(t, `{"public":"REDACTED","Pointer":"REDACTED","List":["REDACTED"],"Map":{"k":"REDACTED"}}`, string(out))

	out, err = xml.Marshal(held.Public)
	require.NoError(t, err)
	assert.False(t, leaks(string(out)))

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", held.Public, "h", held)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", held.Public, "h", held)
	assert.Contains(t, log.String(), "REDACTED")
	assert.False(t, leaks(log.String()))

	err = fmt.Errorf("%v: %w", held.private, errors.New("cause"))
	assert.False(t, leaks(err.Error()))
}

func TestExpose(t *testing.T) {
	t.Parallel()
	assert.Equal(t, canary, secret.New(canary).Expose())
	assert.False(t, secret.New(canary).IsZero())
	for name, s := range map[string]secret.String{"zero": {}, "of nothing": secret.New("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, s.Expose())
			assert.True(t, s.IsZero())
		})
	}
}

// == would compare two pointers and say "different" of equal secrets.
func TestNotComparable(t *testing.T) {
	t.Parallel()
	assert.False(t, reflect.TypeFor[secret.String]().Comparable())
}
