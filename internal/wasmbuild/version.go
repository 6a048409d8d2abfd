package wasmbuild

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// GoVersion returns the Go release that linked a WebAssembly binary, such as
// "go1.26.8", from the binary's "producers" section.
func GoVersion(wasm []byte) (string, error) {
	const magic = "\x00asm\x01\x00\x00\x00"
	if !bytes.HasPrefix(wasm, []byte(magic)) {
		return "", fmt.Errorf("%w: no header of a WebAssembly module", ErrNotGo)
	}
	r := &reader{rest: wasm[len(magic):]}
	for len(r.rest) > 0 && !r.failed {
		id := r.bytes(1)
		section := &reader{rest: r.bytes(r.number())}
		const custom = 0
		if r.failed || id[0] != custom || section.text() != "producers" {
			continue
		}
		return language(section)
	}
	return "", fmt.Errorf("%w: no producers section", ErrNotGo)
}

// language reads a producers section: fields (such as "language"), each with
// pairs of a name and a version.
func language(r *reader) (string, error) {
	for fields := r.number(); fields > 0 && !r.failed; fields-- {
		field := r.text()
		for values := r.number(); values > 0 && !r.failed; values-- {
			name, version := r.text(), r.text()
			if field == "language" && name == "Go" && !r.failed {
				return release(version), nil
			}
		}
	}
	return "", fmt.Errorf("%w: the producers section names no Go release", ErrNotGo)
}

// release cuts a version string to the release: experiments and times follow
// it after a space or a line break.
func release(version string) string {
	if fields := strings.Fields(version); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// reader takes WebAssembly's primitives off the front of a slice. After the
// first one that is cut short it has failed and returns zero values.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// number reads an unsigned LEB128 integer.
func (r *reader) number() uint64 {
	value, length := binary.Uvarint(r.rest)
	if length <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[length:]
	return value
}

func (r *reader) text() string { return string(r.bytes(r.number())) }
