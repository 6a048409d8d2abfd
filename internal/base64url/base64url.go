// Package base64url reads and writes the encoding of JSON Web Tokens and Keys:
// base64 with the alphabet of URLs and without padding (RFC 7515 §2). It is in
// proxy.wasm, where encoding/base64 would bring 20 KB.
package base64url

// letters are the digits, by their value (RFC 4648 §5).
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Encode returns the text of data. It is not inlined, for the size of the binary.
//
//go:noinline
func Encode(data []byte) string {
	out := make([]byte, 0, (len(data)*8+5)/6)
	var held uint32
	bits := 0 // of held that are not written
	for _, b := range data {
		held = held<<8 | uint32(b)
		for bits += 8; bits >= 6; {
			bits -= 6
			out = append(out, letters[held>>bits&63])
		}
	}
	if bits > 0 {
		out = append(out, letters[held<<(6-bits)&63])
	}
	return string(out)
}

// Decode returns the bytes of text. It accepts exactly what Encode writes: one
// text for the same bytes, so no padding, no line breaks, no bits left over.
func Decode(text string) (data []byte, ok bool) {
	data = make([]byte, 0, len(text)*6/8)
	var held uint32
	bits := 0 // of held that are not written
	for i := 0; i < len(text); i++ {
		value, ok := digit(text[i])
		if !ok {
			return nil, false
		}
		held = held<<6 | uint32(value)
		if bits += 6; bits >= 8 {
			bits -= 8
			data = append(data, byte(held>>bits))
		}
	}
	// Six bits over are a digit that no byte begins with, others that are not
	// zero a second text for the same bytes.
	if bits == 6 || held&(1<<bits-1) != 0 {
		return nil, false
	}
	return data, true
}

// digit returns the value of a letter.
func digit(c byte) (value byte, ok bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '-':
		return 62, true
	case c == '_':
		return 63, true
	default:
		return 0, false
	}
}
