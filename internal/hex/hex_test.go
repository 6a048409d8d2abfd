package hex

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestByteReadsWhatStrconvReads(t *testing.T) {
	t.Parallel()
	for high := range 256 {
		for low := range 256 {
			text := string([]byte{byte(high), byte(low)})
			want, err := strconv.ParseUint(text, 16, 8)
			got, ok := Byte(byte(high), byte(low))
			if ok != (err == nil) || ok && uint64(got) != want {
				t.Errorf("%q: %#x, %t", text, got, ok)
			}
		}
	}
}

func TestDigit(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		want, err := strconv.ParseUint(string([]byte{byte(c)}), 16, 8)
		got, ok := Digit(byte(c))
		assert.Equal(t, err == nil, ok, "%q", c)
		if ok {
			assert.EqualValues(t, want, got, "%q", c)
		}
	}
}
