// Package hex reads the hexadecimal digits of escapes: %2E, \u002e, &#x2e;. It is
// in both binaries, where encoding/hex would bring fmt (630 KB), and the policy
// and the proxy have to agree on what an escape is.
package hex

// Digit returns the value of a digit in either case.
func Digit(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}

// Byte returns the value of two digits.
func Byte(high, low byte) (value byte, ok bool) {
	h, ok1 := Digit(high)
	l, ok2 := Digit(low)
	return h<<4 | l, ok1 && ok2
}
