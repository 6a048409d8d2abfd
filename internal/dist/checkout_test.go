package dist

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// Two people who build one commit get the same bytes: the real programs and
// scripts, built out of the checkout and out of a copy of it at another path.
func TestTwoCheckoutsGiveTheSameBuild(t *testing.T) {
	original, err := wasmbuild.FindSource(".")
	require.NoError(t, err)
	elsewhere := filepath.Join(t.TempDir(), "a copy with another name")
	for _, part := range []string{"interceptor", "proxy", "wasm", "internal"} {
		require.NoError(t, os.CopyFS(filepath.Join(elsewhere, part), os.DirFS(filepath.Join(original, part))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(original, file))
		require.NoError(t, err)
		overwrite(t, filepath.Join(elsewhere, file), string(content))
	}

	var builds [2]files
	for i, source := range []string{original, elsewhere} {
		wasm, err := wasmbuild.Build(t.Context(), wasmbuild.Options{Source: source})
		require.NoError(t, err)
		in := fixture()
		in.scripts, in.wasm = static.Files, wasm
		builds[i] = read(t, os.DirFS(built(t, in, Fast)))
	}
	require.Equal(t, builds[0].names(), builds[1].names())
	for _, name := range builds[0].names() {
		require.True(t, bytes.Equal(builds[0][name], builds[1][name]), name)
		require.False(t, bytes.Contains(builds[1][name], []byte(elsewhere)), "%s names the place of the build", name)
	}
}
