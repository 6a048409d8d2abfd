//go:build js && wasm

package browser_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/wasm/browser"
)

func TestErrorsHaveKinds(t *testing.T) {
	tests := map[string]struct {
		name string
		kind error
	}{
		"abort":      {"AbortError", browser.ErrAborted},
		"quota":      {"QuotaExceededError", browser.ErrQuotaExceeded},
		"state":      {"InvalidStateError", browser.ErrInvalidState},
		"constraint": {"ConstraintError", browser.ErrConstraint},
		"operation":  {"OperationError", browser.ErrOperation},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := browser.AsError(newError(t, "DOMException", "the browser's words", test.name))
			require.ErrorIs(t, err, test.kind)
			require.Equal(t, "javascript: "+test.name+": the browser's words", err.Error())
			for other, test := range tests {
				require.Equal(t, other == name, errors.Is(err, test.kind), other)
			}
		})
	}
}

func TestErrorsWithoutANameAreOfNoKind(t *testing.T) {
	require.NotErrorIs(t, &browser.Error{Message: "a"}, &browser.Error{})
}

func TestWithKind(t *testing.T) {
	kind, cause := errors.New("kind"), errors.New("cause")
	err := browser.WithKind(kind, cause)
	require.ErrorIs(t, err, kind)
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "kind: cause")
}

func TestScriptStopsAtTheFirstFailure(t *testing.T) {
	var script browser.Script
	object := script.New("Object")
	require.NoError(t, script.Err())

	script.Call(object, "noSuchMethod")
	script.Set(object, "touched", true)
	script.New("NoSuchClass")
	first := script.Err()
	require.ErrorContains(t, first, "noSuchMethod")

	var after browser.Script
	require.True(t, after.Get(object, "touched").IsUndefined())
	require.NoError(t, after.Err())
}

func TestScriptReportsWhatIsMissingOrOfAnotherType(t *testing.T) {
	tests := map[string]func(*browser.Script){
		"no such global":    func(s *browser.Script) { s.Global("noSuchGlobal") },
		"a number is text":  func(s *browser.Script) { s.Text(s.Get(s.Global("Number"), "MAX_VALUE")) },
		"an object is int":  func(s *browser.Script) { s.Int(s.New("Object")) },
		"an object is bool": func(s *browser.Script) { s.Bool(s.New("Object")) },
		"no bytes":          func(s *browser.Script) { s.Bytes(s.New("Object")) },
		"other numbers":     func(s *browser.Script) { s.Bytes(s.New("Uint16Array", 1)) },
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			var script browser.Script
			use(&script)
			require.Error(t, script.Err())
		})
	}
}
