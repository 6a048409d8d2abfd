package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsTextLike(t *testing.T) {
	t.Parallel()
	tests := []struct {
		contentType string
		want        bool
	}{
		{"", true},
		{"text/plain", true},
		{"text/html; charset=utf-8", true},
		{"application/json", true},
		{"application/problem+json", true},
		{"text/event-stream", true},
		{"application/unknown", true},
		{"nonsense", true},
		{"image/svg+xml", true},
		{"IMAGE/SVG+XML; charset=utf-8", true},
		{"image/png, text/html", true},
		{"application/protobuf+json", true},
		{"application/grpc-web-text", true},
		{"application/vnd.openxmlformats-package.relationships+xml", true},
		{"application/octet-streams", true},
		{"image/png", false},
		{" Image/PNG ; x=y", false},
		{"audio/mpeg", false},
		{"video/mp4", false},
		{"font/woff2", false},
		{"application/octet-stream", false},
		{"application/pdf", false},
		{"application/zip", false},
		{"application/wasm", false},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, isTextLike(tt.contentType))
		})
	}
}

func TestLowerIsASCII(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "abc", "ABC", "aBc-D", "\u212a", "É", "@[`{"} {
		want := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, s)
		require.Equal(t, want, lower(s))
	}
}
