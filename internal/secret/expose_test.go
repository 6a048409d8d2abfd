package secret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryExposeHasAReason walks the repository: each use of Expose outside of
// tests, for every build target, carries "// EXPOSE: <reason>" on its line or on
// the line above.
func TestEveryExposeHasAReason(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		faults, err := unexplained(path, source)
		for _, fault := range faults {
			t.Errorf("%s: Expose without a reason: add \"// EXPOSE: why\" on this line or the one above", fault)
		}
		return err
	})
	require.NoError(t, err)
	assert.NotZero(t, files, "the walk found no source")
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the working directory")
		dir = parent
	}
}

// unexplained returns the positions of the uses of a method named Expose, called
// or taken as a value, that no reason stands beside.
func unexplained(name string, source []byte) ([]token.Position, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	reasons := make(map[int]bool)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			_, reason, ok := strings.Cut(comment.Text, "// EXPOSE:")
			if ok && strings.TrimSpace(reason) != "" {
				reasons[fset.Position(comment.Pos()).Line] = true
			}
		}
	}
	var faults []token.Position
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != "Expose" {
			return true
		}
		at := fset.Position(selector.Sel.Pos())
		if !reasons[at.Line] && !reasons[at.Line-1] {
			faults = append(faults, at)
		}
		return true
	})
	return faults, nil
}

func TestUnexplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       []int
	}{
		{"a reason on the line", "\t_ = s.Expose() // EXPOSE: it is a test", nil},
		{"a reason above", "\t// EXPOSE: it is a test\n\t_ = s.Expose()", nil},
		{"a reason in a block above", "\t// More.\n\t// EXPOSE: it is a test\n\t_ = s.Expose()", nil},
		{"no reason", "\t_ = s.Expose()", []int{4}},
		{"an empty reason", "\t_ = s.Expose() // EXPOSE:", []int{4}},
		{"another comment", "\t_ = s.Expose() // exposed", []int{4}},
		{"a reason too far above", "\t// EXPOSE: it is a test\n\n\t_ = s.Expose()", []int{6}},
		{"a reason below", "\t_ = s.Expose()\n\t// EXPOSE: it is a test", []int{4}},
		{"a reason in a string", "\t_ = s.Expose() + \"// EXPOSE: no comment\"", []int{4}},
		{"two lines, one reason", "\t_ = s.Expose() // EXPOSE: it is a test\n\t_ = 0\n\t_ = s.Expose()", []int{6}},
		{"a method value", "\tf := s.Expose", []int{4}},
		{"a method expression", "\tf := secret.String.Expose", []int{4}},
		{"another method", "\t_ = s.Exposed()", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := "package p\n\nfunc f() {\n" + tt.body + "\n}\n"
			faults, err := unexplained("p.go", []byte(source))
			require.NoError(t, err)
			var lines []int
			for _, fault := range faults {
				lines = append(lines, fault.Line)
			}
			assert.Equal(t, tt.want, lines)
		})
	}
}
