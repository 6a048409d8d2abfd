//go:build js && wasm

// Package memory is the border over which JavaScript and Go exchange bytes: one
// buffer that JavaScript fills before it calls an export, and one that Go fills
// with the answer. Neither side makes a js.Value, which is what keeps a crossing
// under a microsecond (DESIGN §4).
//
// The layout is that of package protocol: fields with a length before each. An
// answer is the length of its fields, the fields, the length of its body, the
// body. JavaScript reads it before it calls into Go again.
//
// The counterpart is static/gowasm.js.
package memory

import (
	"unsafe"

	"tokenvault/internal/protocol"
)

var (
	in  = make([]byte, 64<<10)
	out = make([]byte, 0, 64<<10)
)

// keep bounds the buffers that stay allocated between calls.
const keep = 1 << 20

// Reserve returns the address of a buffer of at least n bytes for the arguments
// of the next call.
func Reserve(n uint32) uint32 {
	if int(n) > len(in) || len(in) > keep && int(n) <= keep {
		in = make([]byte, max(int(n), 64<<10))
	}
	return address(in)
}

// Bytes returns the n bytes that JavaScript wrote. They are overwritten by the
// next call.
func Bytes(n uint32) []byte { return in[:min(int(n), len(in))] }

// Fields returns the n bytes that JavaScript wrote, as fields.
func Fields(n uint32) ([]string, error) { return protocol.Unpack(Bytes(n)) }

// Answer stores the answer of a call and returns its address.
func Answer(body []byte, fields ...string) uint32 {
	if cap(out) > keep {
		out = nil
	}
	length := 0
	for _, field := range fields {
		length += 4 + len(field)
	}
	out = protocol.AppendLength(out[:0], length)
	out = protocol.Pack(out, fields...)
	out = protocol.AppendLength(out, len(body))
	out = append(out, body...)
	return address(out)
}

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
