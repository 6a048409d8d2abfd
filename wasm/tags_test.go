//go:build !js

// Package wasm_test guards the border between Go and the browser: only files
// under wasm/ may touch syscall/js or safejs, and they must say that they are
// for js/wasm. Everything else so builds, and is tested, natively.
package wasm_test

import (
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// browserTag is the constraint of a glue file.
const browserTag = "//go:build js && wasm"

// browserImports are the imports that make a file glue.
var browserImports = map[string]bool{
	"syscall/js":                 true,
	"github.com/hack-pad/safejs": true,
}

// skippedDirs hold no Go of ours.
var skippedDirs = map[string]bool{".git": true, "node_modules": true, "dist": true}

func TestOnlyTaggedGlueTouchesJavaScript(t *testing.T) {
	root := os.DirFS("..")
	glue := 0
	require.NoError(t, fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skippedDirs[entry.Name()]:
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		isGlue, fault := inspect(t, path, source)
		if isGlue {
			glue++
		}
		if fault != "" {
			t.Errorf("%s: %s", path, fault)
		}
		return nil
	}))
	require.NotZero(t, glue, "found no glue: has it moved?")
}

func TestInspect(t *testing.T) {
	const (
		tagged = browserTag + "\n\npackage p\n\n"
		js     = "import \"syscall/js\"\n\nvar _ js.Value\n"
		safe   = "import \"github.com/hack-pad/safejs\"\n\nvar _ safejs.Value\n"
	)
	tests := map[string]struct {
		path, source string
		glue         bool
		fault        string
	}{
		"tagged glue":              {"wasm/idb/db.go", tagged + js, true, ""},
		"tagged glue with safejs":  {"wasm/idb/db.go", tagged + safe, true, ""},
		"pure Go":                  {"proxy/proxy.go", "package proxy\n", false, ""},
		"glue outside":             {"proxy/proxy.go", tagged + js, true, faultPlace},
		"a name that only looks":   {"wasmer/proxy.go", tagged + js, true, faultPlace},
		"no tag":                   {"wasm/idb/db.go", "package p\n\n" + safe, true, faultTag},
		"another tag":              {"wasm/idb/db.go", "//go:build js || wasm\n\npackage p\n\n" + js, true, faultTag},
		"the tag after the clause": {"wasm/idb/db.go", "package p\n\n" + browserTag + "\n\n" + js, true, faultTag},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			glue, fault := inspect(t, test.path, []byte(test.source))
			require.Equal(t, test.glue, glue)
			require.Equal(t, test.fault, fault)
		})
	}
}

const (
	faultPlace = "touches JavaScript outside wasm/: declare an interface here and implement it there"
	faultTag   = "touches JavaScript without the line " + browserTag
)

// inspect tells whether a Go file is glue, and what is wrong with it.
func inspect(t testing.TB, path string, source []byte) (glue bool, fault string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly|parser.ParseComments)
	require.NoError(t, err)
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		glue = glue || browserImports[name]
	}
	tagged := false
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if comment.Pos() < file.Package && constraint.IsGoBuild(comment.Text) {
				tagged = comment.Text == browserTag
			}
		}
	}
	switch {
	case glue && !strings.HasPrefix(path, "wasm/"):
		return glue, faultPlace
	case glue && !tagged:
		return glue, faultTag
	default:
		return glue, ""
	}
}
