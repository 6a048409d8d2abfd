package wasmbuild

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindSource(t *testing.T) {
	root := checkout(t)
	nested := filepath.Join(root, "nested")
	write(t, filepath.Join(nested, "go.mod"), "// other\nmodule tokenvault/other\n")

	for name, dir := range map[string]string{
		"the root itself":           root,
		"a directory below":         filepath.Join(root, "wasm", "proxy"),
		"through another module":    nested,
		"from a directory to come":  filepath.Join(root, "not", "there"),
		"with dots in the way here": filepath.Join(root, "wasm") + "/../wasm",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FindSource(dir)
			require.NoError(t, err)
			require.Equal(t, root, got)
		})
	}

	_, err := FindSource(t.TempDir())
	require.ErrorIs(t, err, ErrNoSource)
}

func TestEnvOverridesTheUsers(t *testing.T) {
	env := Env([]string{"HOME=/h", "GOOS=linux", "GOFLAGS=-race", "GOWASM=x", "EMPTY="})
	require.Contains(t, env, "HOME=/h")
	require.Contains(t, env, "EMPTY=")
	for _, name := range []string{"GOOS=linux", "GOFLAGS=-race", "GOWASM=x"} {
		require.NotContains(t, env, name)
	}
	require.True(t, slices.Contains(env, "GOOS=js") && slices.Contains(env, "GOARCH=wasm"))
}
