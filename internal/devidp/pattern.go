package devidp

import (
	"io"
	"strings"
)

// The bodies of the API follow from their size, so that a test can tell what must
// arrive. The block's length is a prime: no chunk size of anybody's divides it, and
// a lost or doubled chunk shows.
const patternBlock = 65521

var (
	binaryBlock = makeBinaryBlock()
	textBlock   = makeTextBlock()
)

// BinaryBody is the body of /v1/binary?size= and /v1/big?type=binary&size=. It has
// every byte value and is not UTF-8.
func BinaryBody(size int64) []byte { return take(binaryBlock, size) }

// TextBody is the body of /v1/big?type=text&size=. It is UTF-8 with characters of
// one to four bytes; at the end it is cut to size.
func TextBody(size int64) []byte { return take(textBlock, size) }

// FileBody is the body of /v1/file.
func FileBody() []byte { return BinaryBody(fileSize) }

func take(block []byte, size int64) []byte {
	body := make([]byte, size)
	for n := 0; n < len(body); {
		n += copy(body[n:], block)
	}
	return body
}

// writePattern streams size bytes of a repeated block.
func writePattern(w io.Writer, block []byte, size int64) error {
	for size > 0 {
		n := min(size, int64(len(block)))
		if _, err := w.Write(block[:n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

func makeBinaryBlock() []byte {
	block := make([]byte, patternBlock)
	x := uint32(2463534242) // Marsaglia's xorshift32
	for i := range block {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		block[i] = byte(x >> 24)
	}
	return block
}

func makeTextBlock() []byte {
	const line = "Grüße aus dem Tresor — 令牌 🔐 \"quoted\", \\escaped\\, tab\there.\r\n"
	block := strings.Repeat(line, patternBlock/len(line))
	return []byte(block + strings.Repeat(".", patternBlock-len(block)))
}
