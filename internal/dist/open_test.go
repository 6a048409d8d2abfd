package dist

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
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

// configuration is what withSignIn is made of.
func configuration() *config.Config {
	t := tableWithSignIn()
	main, own := t.Clients[0], t.Clients[1]
	return &config.Config{
		App:            config.App{Origin: t.AppOrigin, Worker: "/interceptor.js", Scope: "/"},
		Vault:          config.Vault{Origin: t.VaultOrigin},
		RequestTimeout: 30 * time.Second,
		Clients: []config.Client{
			{Name: main.Name, ClientID: main.ID, Endpoints: config.Endpoints{Token: main.Token}, Redact: main.Redact, Resources: main.Resources},
			{
				Name: own.Name, ClientID: own.ID, Issuer: own.Issuer, Redact: own.Redact,
				Endpoints: config.Endpoints{Token: own.Token, Authorization: own.SignIn.Authorization, Keys: own.SignIn.Keys},
				SignIn:    config.SignIn{ByVault: true, ReturnTo: own.SignIn.ReturnTo},
			},
		},
	}
}

func TestCheckConfig(t *testing.T) {
	plain, strict := withSignIn(), withSignIn()
	strict.table.Clients[1].SignIn.RequireIssuer = true
	strict.table.Clients[1].SignIn.Pushed = policy.Endpoint{Origin: "https://auth.example.com", Path: "/par"}

	undiscovered := func(c *config.Config) { c.Clients[1].Endpoints = config.Endpoints{} }
	tests := []struct {
		name string
		in   inputs
		bend func(*config.Config)
		want error
	}{
		{"the same", plain, func(*config.Config) {}, nil},
		{"endpoints left to discovery", plain, func(c *config.Config) { c.Clients[0].Endpoints = config.Endpoints{} }, nil},
		{"endpoints of a sign-in left to discovery", plain, undiscovered, nil},
		{"what discovery turned on", strict, undiscovered, nil},
		{"what discovery turned on and the configuration too", strict, func(c *config.Config) {
			undiscovered(c)
			c.Clients[1].SignIn.Pushed, c.Clients[1].SignIn.RequireIssuer = true, true
		}, nil},
		{"pushed requests that the build does not make", plain, func(c *config.Config) {
			undiscovered(c)
			c.Clients[1].SignIn.Pushed = true
		}, ErrStale},
		{"a required iss that the build does not require", plain, func(c *config.Config) {
			undiscovered(c)
			c.Clients[1].SignIn.RequireIssuer = true
		}, ErrStale},
		{"a sign-in by the app", plain, func(c *config.Config) {
			undiscovered(c)
			c.Clients[1].SignIn = config.SignIn{}
		}, ErrStale},
		{"a sign-in by the vault", plain, func(c *config.Config) {
			c.Clients[0].Endpoints, c.Clients[0].SignIn = config.Endpoints{}, c.Clients[1].SignIn
		}, ErrStale},
		{"another claim", plain, func(c *config.Config) { c.Clients[1].SignIn.Claims = []string{"sub"} }, ErrStale},
		{"DPoP", plain, func(c *config.Config) { c.Clients[1].DPoP = true }, ErrStale},
		{"another language", plain, func(c *config.Config) { c.Pages.Language = "de" }, ErrStale},
		{"another text", plain, func(c *config.Config) { c.Pages.Texts = map[string]map[string]string{"en": {"cancel": "No"}} }, ErrStale},
		{"another resource", plain, func(c *config.Config) {
			c.Clients[0].Resources = []policy.Rule{{Origin: "https://api.example.com", Path: "/*", Methods: []string{"GET"}}}
		}, ErrStale},
		{"another token endpoint", plain, func(c *config.Config) { c.Clients[0].Endpoints.Token.Path = "/other" }, ErrStale},
		{"one client more", plain, func(c *config.Config) {
			c.Clients = append(c.Clients, config.Client{Name: "other", ClientID: "other"})
		}, ErrStale},
		{"one client less", plain, func(c *config.Config) { c.Clients = c.Clients[:1] }, ErrStale},
		{"another app", plain, func(c *config.Config) { c.App.Origin = "https://other.example.com" }, ErrStale},
		{"another worker", plain, func(c *config.Config) { c.App.Worker = "/sw.js" }, ErrStale},
		{"another scope", plain, func(c *config.Config) { c.App.Scope = "/app/" }, ErrStale},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opened, err := Open(built(t, test.in, Fast))
			require.NoError(t, err)
			bent := configuration()
			test.bend(bent)
			err = opened.CheckConfig(bent)
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
