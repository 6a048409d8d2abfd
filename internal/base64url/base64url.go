// Package base64url reads and writes the encoding of JSON Web Tokens and Keys:
// base64 with the alphabet of URLs and without padding (RFC 7515 §2). It is in
// proxy.wasm, where encoding/base64 would bring 20 KB.
package base64url

import "strings"

// letters are the digits, by their value (RFC 4648 §5).
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Encode returns the text of data. It is not inlined, for the size of the binary.
//
//go:noinline
func Encode(data []byte) string {
	out := make([]byte, (len(data)*8+5)/6)
	for i := range out {
		at := i * 6 / 8 // the byte that the digit begins in
		pair := uint16(data[at]) << 8
		if at+1 < len(data) {
			pair |= uint16(data[at+1])
		}
		out[i] = letters[pair>>(10-i*6%8)&63]
	}
	return string(out)
}

// Decode returns the bytes of text. It accepts exactly what Encode writes: one
// text for the same bytes, so no padding, no line breaks, no bits left over.
func Decode(text string) (data []byte, ok bool) {
	data = make([]byte, len(text)*6/8)
	at, bits := 0, 0 // bits of held that are not written
	var held uint32
	for i := range len(text) {
		value := strings.IndexByte(letters, text[i])
		if value < 0 {
			return nil, false
		}
		held = held<<6 | uint32(value)
		if bits += 6; bits >= 8 {
			bits -= 8
			data[at] = byte(held >> bits)
			at++
		}
	}
	// Six bits over are a digit that no byte begins with, others that are not
	// zero a second text for the same bytes.
	if bits == 6 || held&(1<<bits-1) != 0 {
		return nil, false
	}
	return data, true
}
