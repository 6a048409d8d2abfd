package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// js writes a value as a JavaScript literal.
func js(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a value that a test wrote
	}
	return string(text)
}

// hash is the SHA-256 of a text, in hexadecimal.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func parse[T any](text string) (value T, err error) {
	return value, json.Unmarshal([]byte(text), &value)
}
