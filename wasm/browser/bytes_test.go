//go:build js && wasm

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"tokenvault/wasm/js"

	"tokenvault/wasm/browser"
)

func TestBytesComeBack(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing":     {},
		"some":        []byte("a\x00b\xff"),
		"many blocks": make([]byte, 1<<17),
	} {
		t.Run(name, func(t *testing.T) {
			array, err := browser.Uint8Array(data)
			require.NoError(t, err)
			back, err := browser.Bytes(array)
			require.NoError(t, err)
			require.Equal(t, data, back)
		})
	}
}

func TestBytesOfBuffersAndViews(t *testing.T) {
	var script browser.Script
	whole := script.Uint8Array([]byte("0123456789"))
	tests := map[string]struct {
		value js.Value
		want  string
	}{
		"buffer": {script.Get(whole, "buffer"), "0123456789"},
		"view":   {script.Call(whole, "subarray", 3, 6), "345"},
	}
	require.NoError(t, script.Err())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			data, err := browser.Bytes(test.value)
			require.NoError(t, err)
			require.Equal(t, test.want, string(data))
		})
	}
}
