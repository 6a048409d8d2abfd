package static

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContentType(t *testing.T) {
	for name, want := range map[string]string{
		"proxy.wasm":      "application/wasm",
		"interceptor.js":  "text/javascript; charset=utf-8",
		"tokenvault.mjs":  "text/javascript; charset=utf-8",
		"proxy.html":      "text/html; charset=utf-8",
		"tokenvault.d.ts": "text/plain; charset=utf-8",
		"manifest.json":   "application/json",
		"logo.svg":        "image/svg+xml",
		"unknown":         "application/octet-stream",
		"unknown.exe":     "application/octet-stream",
	} {
		require.Equal(t, want, ContentType(name), name)
	}
}

func TestCompressible(t *testing.T) {
	for name, want := range map[string]bool{
		"proxy.wasm": true, "a.js": true, "a.html": true, "a.d.ts": true, "a.svg": true, "a.json": true,
		"a.png": false, "a.woff2": false, "a.br": false, "_headers": false,
	} {
		require.Equal(t, want, Compressible(name), name)
	}
}
