package protocol

import "errors"

// ErrMalformed is returned by Unpack for bytes that Pack cannot have made.
var ErrMalformed = errors.New("malformed message: the packed fields do not fill the buffer")

// Pack appends the fields to dst, each as its length in four bytes, little
// endian, and its bytes. JavaScript writes and reads the same form
// (static/gowasm.js), which costs one crossing and no js.Value.
//
//go:noinline
func Pack(dst []byte, fields ...string) []byte {
	for _, field := range fields {
		dst = AppendLength(dst, len(field))
		dst = append(dst, field...)
	}
	return dst
}

// AppendLength appends a length as Pack writes it. It is written by hand:
// encoding/binary brings reflect into both binaries.
func AppendLength(dst []byte, length int) []byte {
	n := uint32(length)
	return append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

// Unpack returns the fields that Pack wrote. Every byte must belong to a field.
func Unpack(src []byte) ([]string, error) {
	var fields []string
	for len(src) > 0 {
		if len(src) < 4 {
			return nil, ErrMalformed
		}
		n := uint32(src[0]) | uint32(src[1])<<8 | uint32(src[2])<<16 | uint32(src[3])<<24
		src = src[4:]
		if uint64(n) > uint64(len(src)) {
			return nil, ErrMalformed
		}
		fields = append(fields, string(src[:n]))
		src = src[n:]
	}
	return fields, nil
}
