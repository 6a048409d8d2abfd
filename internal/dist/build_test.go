package dist

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

func TestBuildIsReproducible(t *testing.T) {
	one := read(t, os.DirFS(built(t, fixture(), Best)))
	two := read(t, os.DirFS(built(t, fixture(), Best)))
	require.Equal(t, one.names(), two.names())
	for _, name := range one.names() {
		require.True(t, bytes.Equal(one[name], two[name]), name)
	}
}

func TestBuildHasTheFilesOfBothOrigins(t *testing.T) {
	all := read(t, os.DirFS(built(t, fixture(), Fast)))
	var names []string
	for _, name := range all.names() {
		if !strings.HasSuffix(name, ".br") && !strings.HasSuffix(name, ".gz") {
			names = append(names, name)
		}
	}
	in := fixture()
	hash := func(name string, content []byte) string { return static.HashedName(name, hexSHA256(content)) }
	wasmExec := hash("wasm_exec.js", in.wasm.WasmExec)
	gowasm := hash("gowasm.js", scripts()["gowasm.js"].Data)
	require.Subset(t, names, []string{
		"app/_headers", "app/interceptor.js", "app/tokenvault.d.ts", "app/tokenvault.js", "app/tokenvault.mjs",
		"app/" + hash("interceptor.wasm", in.wasm.Interceptor), "app/" + wasmExec,
		"vault/_headers", "vault/proxy.html", "vault/" + hash("proxy.wasm", in.wasm.Proxy), "vault/" + wasmExec, "vault/" + gowasm,
		"headers/app.nginx.conf", "headers/vault.nginx.conf", "headers/app.Caddyfile", "headers/vault.Caddyfile",
		"manifest.json",
	})
	require.Len(t, names, 19, "those, proxy.<hash>.js and vaultwasm.<hash>.js: %v", names)
}

func TestBuildHasThePagesOfASignIn(t *testing.T) {
	all := read(t, os.DirFS(built(t, withSignIn(), Fast)))
	for _, name := range []string{"login.html", "callback.html", "logout.html", "signed-out.html", "frontchannel-logout.html"} {
		require.Contains(t, all, "vault/"+name)
		require.Contains(t, all, "vault/"+name+".br")
	}
	for _, name := range []string{"address.js", "page.css"} {
		content := scripts()[name].Data
		require.Contains(t, all, "vault/"+static.HashedName(name, hexSHA256(content)))
	}
	opened, err := Open(built(t, withSignIn(), Fast))
	require.NoError(t, err)
	require.True(t, opened.Table.Clients[1].OwnsSignIn())
}

func TestEveryCompressibleFileHasTwins(t *testing.T) {
	for _, compression := range []Compression{Best, Fast} {
		t.Run(compression.String(), func(t *testing.T) {
			all := read(t, os.DirFS(built(t, fixture(), compression)))
			twins := 0
			for _, name := range all.names() {
				if !static.Compressible(name) || name == manifestName {
					continue
				}
				twins++
				br, err := io.ReadAll(brotli.NewReader(bytes.NewReader(all[name+".br"])))
				require.NoError(t, err)
				require.Equal(t, all[name], br, name)

				unzip, err := gzip.NewReader(bytes.NewReader(all[name+".gz"]))
				require.NoError(t, err)
				require.True(t, unzip.ModTime.IsZero(), "no time of the build")
				gz, err := io.ReadAll(unzip)
				require.NoError(t, err)
				require.Equal(t, all[name], gz, name)
			}
			require.Equal(t, 12, twins)
		})
	}
}

func TestBuildNameChangesWithEveryInput(t *testing.T) {
	name := func(bend func(*inputs)) string {
		in := withSignIn()
		bend(&in)
		src, err := readSources(in.scripts)
		require.NoError(t, err)
		return buildName(in, src)
	}
	original := name(func(*inputs) {})
	seen := map[string]string{original: "the original"}
	replace := func(script string) func(*inputs) {
		return func(in *inputs) {
			changed := scripts()
			changed[script].Data = append(changed[script].Data, ' ')
			in.scripts = changed
		}
	}
	for what, bend := range map[string]func(*inputs){
		"a resource":      func(in *inputs) { in.table.Clients[0].Resources[0].Path = "/v2/*" },
		"the worker":      func(in *inputs) { in.worker = "/sw.js" },
		"the scope":       func(in *inputs) { in.scope = "/app/" },
		"the interceptor": func(in *inputs) { in.wasm.Interceptor = module("go1.26.8", "other") },
		"the proxy":       func(in *inputs) { in.wasm.Proxy = module("go1.26.8", "other") },
		"wasm_exec.js":    func(in *inputs) { in.wasm.WasmExec = []byte("//") },
		"client.js":       replace("client.js"),
		"gowasm.js":       replace("gowasm.js"),
		"interceptor.js":  replace("interceptor.js"),
		"proxy.js":        replace("proxy.js"),
		"proxy.html":      replace("proxy.html"),
		"vaultwasm.js":    replace("vaultwasm.js"),
		"page.js":         replace("page.js"),
		"page.css":        replace("page.css"),
		"page.html":       replace("page.html"),
		"address.js":      replace("address.js"),
		"the sign-in":     func(in *inputs) { in.wasm.SignIn = module("go1.26.8", "other") },
		"the language":    func(in *inputs) { in.pages.Language = "de" },
		"a text": func(in *inputs) {
			in.pages.Texts = map[string]map[string]string{"en": {"return": "To the app"}}
		},
	} {
		got := name(bend)
		require.Empty(t, seen[got], "%s gives the name of %s", what, seen[got])
		seen[got] = what
	}
}

func TestBuildRefusesAMixOfGoReleases(t *testing.T) {
	configuration, err := config.Parse([]byte(`{
		"app": {"origin": "https://app.example.com"}, "vault": {"origin": "https://vault.example.com"},
		"clients": [{"name": "main", "clientId": "spa",
			"endpoints": {"token": "https://auth.example.com/token"},
			"resources": [{"url": "https://api.example.com/v1/*"}]}]
	}`))
	require.NoError(t, err)
	mixed := wasm()
	mixed.GoVersion = "go1.25.0"
	out := filepath.Join(t.TempDir(), "dist")
	_, err = Build(t.Context(), Options{Config: configuration, Out: out, Wasm: mixed})
	require.ErrorIs(t, err, wasmbuild.ErrVersion)
	require.NoDirExists(t, out)

	_, err = Build(t.Context(), Options{Config: configuration, Out: out, Wasm: wasm(), Compression: Fast})
	require.NoError(t, err)
	opened, err := Open(out)
	require.NoError(t, err)
	require.NoError(t, opened.CheckConfig(configuration))
}

func TestBuildRefusesATableThatCannotWork(t *testing.T) {
	// Endpoints that nobody has discovered yet.
	configuration, err := config.Parse([]byte(`{
		"app": {"origin": "https://app.example.com"}, "vault": {"origin": "https://vault.example.com"},
		"clients": [{"name": "main", "clientId": "spa", "issuer": "https://auth.example.com",
			"resources": [{"url": "https://api.example.com/v1/*"}]}]
	}`))
	require.NoError(t, err)
	_, err = Build(t.Context(), Options{Config: configuration, Out: filepath.Join(t.TempDir(), "dist"), Wasm: wasm()})
	require.ErrorContains(t, err, "token endpoint")
}

func TestBuildStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "dist")
	_, err := build(ctx, fixture(), out, Fast)
	require.ErrorIs(t, err, context.Canceled)
	require.NoDirExists(t, out)
}
