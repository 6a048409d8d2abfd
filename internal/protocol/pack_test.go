package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackedFormIsTheOneOfGowasmJS(t *testing.T) {
	t.Parallel()
	require.Equal(t, []byte("\x01\x00\x00\x00a\x00\x00\x00\x00\x02\x00\x00\x00\xc3\xa9"), Pack(nil, "a", "", "é"))
	require.Equal(t, []byte("x\x01\x00\x00\x00a"), Pack([]byte("x"), "a"), "it appends")
	long := Pack(nil, strings.Repeat("a", 0x010203))
	require.Equal(t, []byte{0x03, 0x02, 0x01, 0x00}, long[:4], "little endian")
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, packed string
		want         []string
		refused      bool
	}{
		{"nothing", "", nil, false},
		{"fields", "\x01\x00\x00\x00a\x00\x00\x00\x00", []string{"a", ""}, false},
		{"bytes that are no text", "\x02\x00\x00\x00\xff\x00", []string{"\xff\x00"}, false},
		{"half a length", "\x01\x00\x00", nil, true},
		{"half a field", "\x02\x00\x00\x00a", nil, true},
		{"something behind", "\x01\x00\x00\x00ab", nil, true},
		{"a length of 4 GB", "\xff\xff\xff\xffa", nil, true},
		{"a length of 2 GB", "\x00\x00\x00\x80a", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Unpack([]byte(tt.packed))
			if tt.refused {
				require.ErrorIs(t, err, ErrMalformed)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// FuzzUnpack checks that what is accepted is what Pack writes, and nothing else.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(Pack(nil, "", "a", "bc"))
	f.Add([]byte{1, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, packed []byte) {
		fields, err := Unpack(packed)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.Equal(t, string(packed), string(Pack(nil, fields...)))
	})
}
