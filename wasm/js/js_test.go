//go:build js && wasm

package js_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/wasm/js"
)

// global returns a property of the global object. The policy of the test page
// forbids eval, so values come from there.
func global(t *testing.T, name string) js.Value {
	t.Helper()
	value, err := js.Global().Get(name)
	require.NoError(t, err)
	return value
}

func TestExceptionIsAnError(t *testing.T) {
	_, err := global(t, "JSON").Call("parse", "{")
	require.Error(t, err)
	thrown, ok := js.Thrown(err)
	require.True(t, ok, "an exception of JavaScript")
	name, err := thrown.Get("name")
	require.NoError(t, err)
	text, err := name.String()
	require.NoError(t, err)
	assert.Equal(t, "SyntaxError", text)
}

func TestMisuseIsAnErrorAndNoPanic(t *testing.T) {
	object := global(t, "JSON")
	for name, use := range map[string]func() error{
		"a property of undefined":     func() error { _, err := js.Undefined().Get("x"); return err },
		"setting on null":             func() error { return js.Null().Set("x", 1) },
		"calling what is no function": func() error { _, err := object.Call("nothing"); return err },
		"invoking an object":          func() error { _, err := object.Invoke(); return err },
		"constructing an object":      func() error { _, err := object.New(); return err },
		"an object as a number":       func() error { _, err := object.Int(); return err },
		"an object as a boolean":      func() error { _, err := object.Bool(); return err },
		"an object as a string":       func() error { _, err := object.String(); return err },
		"bytes of an object":          func() error { _, err := js.CopyBytesToGo(make([]byte, 1), object); return err },
		"bytes to an object":          func() error { _, err := js.CopyBytesToJS(object, []byte{1}); return err },
		"a Go value that has no twin": func() error { _, err := js.ValueOf(struct{}{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := use()
			require.Error(t, err)
		})
	}
}

func TestValuesInsideMapsAndSlicesAreUnwrapped(t *testing.T) {
	inner, err := js.ValueOf(map[string]any{"deep": "value"})
	require.NoError(t, err)
	outer, err := js.ValueOf([]any{map[string]any{"inner": inner}})
	require.NoError(t, err)
	text, err := global(t, "JSON").Call("stringify", outer)
	require.NoError(t, err)
	got, err := text.String()
	require.NoError(t, err)
	assert.Equal(t, `[{"inner":{"deep":"value"}}]`, got)
}

func TestFunctionGetsArgumentsAndReturns(t *testing.T) {
	double, err := js.FuncOf(func(_ js.Value, args []js.Value) any {
		n, err := args[0].Int()
		if err != nil {
			return err.Error()
		}
		return 2 * n
	})
	require.NoError(t, err)
	defer double.Release()
	result, err := double.Value().Invoke(21)
	require.NoError(t, err)
	n, err := result.Int()
	require.NoError(t, err)
	assert.Equal(t, 42, n)
}

func TestOtherErrorsAreNotThrown(t *testing.T) {
	_, ok := js.Thrown(assert.AnError)
	assert.False(t, ok)
}
