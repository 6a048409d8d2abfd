package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/wasmbuild"
)

func TestSizes(t *testing.T) {
	built, err := wasmbuild.Build(t.Context(), wasmbuild.Options{})
	require.NoError(t, err)
	wasm := map[string][]byte{wasmbuild.InterceptorPackage: built.Interceptor, wasmbuild.ProxyPackage: built.Proxy, wasmbuild.SignInPackage: built.SignIn}
	for _, binary := range Binaries {
		t.Run(binary.Name, func(t *testing.T) {
			t.Parallel()
			raw, compressed := len(wasm[binary.Package]), brotliSize(t, wasm[binary.Package])
			t.Logf("%s: %d bytes of %d, brotli %d of %d", binary.Name, raw, binary.Raw, compressed, binary.Brotli)
			if raw > binary.Raw || compressed > binary.Brotli {
				t.Errorf("%s is over its budget: %d bytes raw of %d, %d bytes brotli-11 of %d. A new import is the usual reason: compare go list -deps with the last good commit.",
					binary.Name, raw, binary.Raw, compressed, binary.Brotli)
			}
		})
	}
}

func brotliSize(tb testing.TB, content []byte) int {
	tb.Helper()
	var compressed bytes.Buffer
	w := brotli.NewWriterLevel(&compressed, brotli.BestCompression)
	_, err := w.Write(content)
	require.NoError(tb, errors.Join(err, w.Close()))
	return compressed.Len()
}

func TestForbiddenImports(t *testing.T) {
	for _, binary := range Binaries {
		t.Run(binary.Name, func(t *testing.T) {
			imports, from := importsOf(t, binary.Package)
			require.Contains(t, imports, "tokenvault/internal/policy", "the list is not the binary's")
			for _, finding := range Find(imports, from, binary.Forbid) {
				t.Error(finding)
			}
		})
	}
}

// importsOf asks the go tool for all packages of a binary, as the build sees
// them, and returns the binary's own import path too.
func importsOf(tb testing.TB, pkg string) (imports Imports, from string) {
	tb.Helper()
	source, err := wasmbuild.FindSource(".")
	require.NoError(tb, err)
	cmd := exec.CommandContext(tb.Context(), "go", "list", "-deps", "-json=ImportPath,Imports", pkg)
	cmd.Dir, cmd.Env = source, wasmbuild.Env(nil)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(tb, err, stderr.String())

	imports = Imports{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&listed)
		if errors.Is(err, io.EOF) {
			return imports, from
		}
		require.NoError(tb, err)
		imports[listed.ImportPath] = listed.Imports
		from = listed.ImportPath // dependencies come first
	}
}

func TestFind(t *testing.T) {
	imports := Imports{
		"main":             {"policy", "browser"},
		"policy":           {"strings"},
		"browser":          {"policy", "deep"},
		"deep":             {"net/url", "crypto/aes"},
		"net/url":          {"fmt"},
		"strings":          {"policy"},
		"crypto/aes":       nil,
		"cryptography/aes": nil,
	}
	forbid := func(paths ...string) (all []Forbidden) {
		for _, path := range paths {
			all = append(all, Forbidden{path, "too large"})
		}
		return all
	}
	tests := []struct {
		name   string
		forbid []Forbidden
		chains [][]string
	}{
		{"nothing", nil, nil},
		{"one that is not there", forbid("net/http"), nil},
		{"one far down", forbid("net/url"), [][]string{{"main", "browser", "deep", "net/url"}}},
		{"everything below", forbid("crypto/..."), [][]string{{"main", "browser", "deep", "crypto/aes"}}},
		{"a path is no prefix", forbid("crypto", "net", "pol"), nil},
		{"the shortest chain", forbid("policy"), [][]string{{"main", "policy"}}},
		{"what a forbidden one brings is not repeated", forbid("net/url", "fmt"), [][]string{{"main", "browser", "deep", "net/url"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var chains [][]string
			for _, finding := range Find(imports, "main", test.forbid) {
				chains = append(chains, finding.Chain)
			}
			require.Equal(t, test.chains, chains)
		})
	}
}

func TestFindingNamesOffenderReasonAndChain(t *testing.T) {
	found := Find(Imports{"main": {"a"}, "a": {"fmt"}}, "main", []Forbidden{{"fmt", "630 KB"}})
	require.Len(t, found, 1)
	require.Equal(t, "fmt is forbidden: 630 KB\n  imported by main\n    → a\n    → fmt", found[0].String())
}
