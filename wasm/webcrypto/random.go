//go:build js && wasm

package webcrypto

import (
	"tokenvault/wasm/browser"
)

// RandomID returns 128 random bits as 32 hexadecimal digits.
func RandomID() (string, error) {
	const digits = "0123456789abcdef"
	random, err := Random(16)
	if err != nil {
		return "", err
	}
	id := make([]byte, 0, 2*len(random))
	for _, b := range random {
		id = append(id, digits[b>>4], digits[b&15])
	}
	return string(id), nil
}

// Random returns so many bytes of the browser's generator (crypto.getRandomValues).
func Random(count int) ([]byte, error) {
	var script browser.Script
	array := script.Call(script.Global("crypto"), "getRandomValues", script.New("Uint8Array", count))
	random := script.Bytes(array)
	return random, script.Err()
}
