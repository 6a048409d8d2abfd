//go:build js && wasm

package browser

import (
	"errors"

	"tokenvault/wasm/js"
)

// errNotBytes is a value that should have held bytes.
var errNotBytes = errors.New("browser: value is neither a Uint8Array nor an ArrayBuffer")

// Bytes copies the content of a Uint8Array or an ArrayBuffer into Go memory.
func Bytes(value js.Value) ([]byte, error) {
	var script Script
	view := value
	if script.instance(value, "ArrayBuffer") {
		view = script.New("Uint8Array", value)
	} else if !script.instance(value, "Uint8Array") && script.Err() == nil {
		return nil, errNotBytes
	}
	data := make([]byte, script.Length(view))
	if err := script.Err(); err != nil {
		return nil, err
	}
	if _, err := js.CopyBytesToGo(data, view); err != nil {
		return nil, fromGo(err)
	}
	return data, nil
}

// Uint8Array copies data into a new Uint8Array with a buffer of its own, which
// does not move when the memory of Go grows.
func Uint8Array(data []byte) (js.Value, error) {
	var script Script
	array := script.New("Uint8Array", len(data))
	if err := script.Err(); err != nil {
		return js.Undefined(), err
	}
	if _, err := js.CopyBytesToJS(array, data); err != nil {
		return js.Undefined(), fromGo(err)
	}
	return array, nil
}
