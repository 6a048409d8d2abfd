package wasmbuild

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

const header = "\x00asm\x01\x00\x00\x00"

// text is a WebAssembly string: its length, then its bytes.
func text(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func section(id byte, content []byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

// producers is a module with one code-less section before a producers section.
func producers(field, name, version string) []byte {
	content := text("producers")
	content = append(content, 1)
	content = append(content, text(field)...)
	content = append(content, 1)
	content = append(content, text(name)...)
	content = append(content, text(version)...)
	module := append([]byte(header), section(1, []byte{0})...)
	return append(module, section(0, content)...)
}

func TestGoVersion(t *testing.T) {
	tests := []struct{ name, version, want string }{
		{"a release", "go1.26.8", "go1.26.8"},
		{"a release with an experiment", "go1.26.8 X:synctest", "go1.26.8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := GoVersion(producers("language", "Go", test.version))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestGoVersionRefuses(t *testing.T) {
	whole := producers("language", "Go", "go1.26.8")
	tests := []struct {
		name string
		wasm []byte
	}{
		{"nothing", nil},
		{"a page instead of a module", []byte("<!doctype html>")},
		{"a module without sections", []byte(header)},
		{"a module without a producers section", append([]byte(header), section(0, text("name"))...)},
		{"a section longer than the file", whole[:len(whole)-1]},
		{"a length without an end", append([]byte(header), 0, 0x80)},
		{"a count larger than the section", append([]byte(header), section(0, append(text("producers"), 9))...)},
		{"another language", producers("language", "C", "17")},
		{"Go only as a tool", producers("processed-by", "Go", "go1.26.8")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := GoVersion(test.wasm)
			require.ErrorIs(t, err, ErrNotGo)
		})
	}
}

func FuzzGoVersion(f *testing.F) {
	f.Add(producers("language", "Go", "go1.26.8"))
	f.Add([]byte(header))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if version, err := GoVersion(wasm); err != nil {
			require.ErrorIs(t, err, ErrNotGo)
			require.Empty(t, version)
		}
	})
}
