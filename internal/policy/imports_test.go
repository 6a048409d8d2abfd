package policy_test

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImports keeps the package small and without a second URL parser: it is in
// interceptor.wasm, where fmt alone costs 630 KB, and where net/url would
// disagree with the browser.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := []string{"errors", "slices", "strconv", "strings", "unicode/utf8", "tokenvault/internal/hex"}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			assert.Contains(t, allowed, name, "%s imports %s", entry.Name(), name)
		}
	}
}
