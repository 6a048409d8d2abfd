package chromium

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	t.Setenv("CHROMIUM", "")
	_, err := Find()
	require.ErrorIs(t, err, ErrNotFound)
	_, _, err = Start(t.Context(), "")
	require.ErrorIs(t, err, ErrNotFound, "and does not wait for what is not there")

	for _, name := range []string{"google-chrome", "chromium"} { // the later one is preferred
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o755))
		path, err := Find()
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(folder, name), path)
	}

	t.Setenv("CHROMIUM", "/somewhere/else")
	path, err := Find()
	require.NoError(t, err)
	assert.Equal(t, "/somewhere/else", path)
}
