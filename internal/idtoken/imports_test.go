package idtoken_test

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

// TestImports keeps the package small: it is in proxy.wasm, where signatures are
// the browser's.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := []string{"errors", "slices", "strings", "time", "tokenvault/internal/base64url", "tokenvault/internal/jsontext"}
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
