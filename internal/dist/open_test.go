package dist

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/static"
)

func TestManifestListsEveryFile(t *testing.T) {
	out := built(t, fixture(), Fast)
	all := read(t, os.DirFS(out))
	delete(all, manifestName)

	opened, err := Open(out)
	require.NoError(t, err)
	var listed []string
	for _, file := range opened.Manifest.Files {
		listed = append(listed, file.Path)
		require.Equal(t, describe(file.Path, all[file.Path]), file)
		require.Regexp(t, `^sha384-[A-Za-z0-9+/]{64}$`, file.Integrity)
		require.Regexp(t, `^[0-9a-f]{64}$`, file.SHA256)
	}
	require.Equal(t, all.names(), listed)
	require.Equal(t, "go1.26.8", opened.Manifest.Go)
	require.Equal(t, table().AppOrigin, opened.Table.AppOrigin)
}

func TestIntegrityIsTheStandards(t *testing.T) {
	// printf abc | openssl dgst -sha384 -binary | base64 -w0
	require.Equal(t, "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn", integrity(sha384Name, []byte("abc")))
	require.Equal(t, "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", integrity(sha256Name, []byte("abc")))
}

func TestOpenedFoldersAreServable(t *testing.T) {
	out := built(t, fixture(), Fast)
	opened, err := Open(out)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(out), "what is open no longer needs the disk")

	info, err := fs.Stat(opened.Vault, static.FrameName)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular())
	page, err := fs.ReadFile(opened.Vault, static.FrameName)
	require.NoError(t, err)
	require.Equal(t, info.Size(), int64(len(page)))
	file, err := opened.Vault.Open(static.FrameName)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	_, err = opened.Vault.Open("interceptor.js")
	require.ErrorIs(t, err, fs.ErrNotExist, "the app's")
	_, err = fs.ReadFile(opened.Vault, "none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(tb testing.TB, out string)
		want  error
		says  string
	}{
		{"a folder that is not there", func(tb testing.TB, out string) { require.NoError(tb, os.RemoveAll(out)) }, fs.ErrNotExist, "tokenvault build"},
		{"a folder of something else", func(tb testing.TB, out string) {
			require.NoError(tb, os.Remove(filepath.Join(out, manifestName)))
		}, ErrForeign, "tokenvault build"},
		{"somebody else's manifest", func(tb testing.TB, out string) {
			overwrite(tb, filepath.Join(out, manifestName), `{"name": "My app", "icons": []}`)
		}, ErrForeign, manifestName},
		{"a changed file", func(tb testing.TB, out string) {
			overwrite(tb, filepath.Join(out, "vault", "proxy.html"), "<script src=//evil.example></script>")
		}, ErrDamaged, "vault/proxy.html"},
		{"a file that is missing", func(tb testing.TB, out string) {
			require.NoError(tb, os.Remove(filepath.Join(out, "app", "tokenvault.js")))
		}, ErrDamaged, "tokenvault.js"},
		{"a path that leads out", func(tb testing.TB, out string) {
			replaceIn(tb, filepath.Join(out, manifestName), "app/tokenvault.js", "../outside.js")
			overwrite(tb, filepath.Join(out, "..", "outside.js"), "")
		}, ErrDamaged, "outside.js"},
		{"a table that cannot be read", func(tb testing.TB, out string) {
			replaceIn(tb, filepath.Join(out, manifestName), `"table": "`, `"table": "x`)
		}, ErrDamaged, "tokenvault build"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := built(t, fixture(), Fast)
			test.spoil(t, out)
			_, err := Open(out)
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestCheckConfig(t *testing.T) {
	opened, err := Open(built(t, fixture(), Fast))
	require.NoError(t, err)

	tests := []struct {
		name          string
		bend          func(*policy.Table)
		worker, scope string
		want          error
	}{
		{"the same", func(*policy.Table) {}, "/interceptor.js", "/", nil},
		{"endpoints left to discovery", func(t *policy.Table) { t.Clients[0].Token = policy.Endpoint{} }, "/interceptor.js", "/", nil},
		{"another resource", func(t *policy.Table) { t.Clients[0].Resources[0].Path = "/*" }, "/interceptor.js", "/", ErrStale},
		{"another token endpoint", func(t *policy.Table) { t.Clients[0].Token.Path = "/other" }, "/interceptor.js", "/", ErrStale},
		{"one client more", func(t *policy.Table) {
			t.Clients = append(t.Clients, policy.Client{Name: "other", ID: "other"})
		}, "/interceptor.js", "/", ErrStale},
		{"another app", func(t *policy.Table) { t.AppOrigin = "https://other.example.com" }, "/interceptor.js", "/", ErrStale},
		{"another worker", func(*policy.Table) {}, "/sw.js", "/", ErrStale},
		{"another scope", func(*policy.Table) {}, "/interceptor.js", "/app/", ErrStale},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bent := table()
			test.bend(bent)
			err := opened.CheckConfig(bent, test.worker, test.scope)
			if test.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.want)
			}
		})
	}
}

func TestBuildReplacesOnlyWhatItMade(t *testing.T) {
	t.Run("an older build", func(t *testing.T) {
		out := built(t, fixture(), Fast)
		overwrite(t, filepath.Join(out, "app", "left.over"), "")
		_, err := build(t.Context(), fixture(), out, Fast)
		require.NoError(t, err)
		require.NoFileExists(t, filepath.Join(out, "app", "left.over"))
		left, err := os.ReadDir(filepath.Dir(out))
		require.NoError(t, err)
		require.Len(t, left, 1, "no scratch folder stays")
	})
	t.Run("an empty folder", func(t *testing.T) {
		out := t.TempDir()
		_, err := build(t.Context(), fixture(), out, Fast)
		require.NoError(t, err)
		info, err := os.Stat(out)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o755), info.Mode().Perm(), "other users may serve it")
	})
	t.Run("not somebody's folder", func(t *testing.T) {
		out := t.TempDir()
		overwrite(t, filepath.Join(out, "thesis.txt"), "years of work")
		_, err := build(t.Context(), fixture(), out, Fast)
		require.ErrorIs(t, err, ErrForeign)
		require.FileExists(t, filepath.Join(out, "thesis.txt"))
	})
	t.Run("not a file", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "file")
		overwrite(t, out, "content")
		_, err := build(t.Context(), fixture(), out, Fast)
		require.ErrorIs(t, err, ErrForeign)
		require.FileExists(t, out)
	})
}

func overwrite(tb testing.TB, file, content string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(file, []byte(content), 0o644))
}

func replaceIn(tb testing.TB, file, old, with string) {
	tb.Helper()
	content, err := os.ReadFile(file)
	require.NoError(tb, err)
	require.Contains(tb, string(content), old)
	overwrite(tb, file, strings.Replace(string(content), old, with, 1))
}
