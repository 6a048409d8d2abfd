package dist

import (
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/wasmbuild"
)

// module is a WebAssembly module that says which Go release made it, and
// contains a text to tell it from others.
func module(release, content string) []byte {
	text := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	section := func(parts ...[]byte) []byte {
		var all []byte
		for _, part := range parts {
			all = append(all, part...)
		}
		return append([]byte{0}, text(string(all))...)
	}
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = append(wasm, section(text("content"), []byte(content))...)
	return append(wasm, section(text("producers"), []byte{1}, text("language"), []byte{1}, text("Go"), text(release))...)
}

func wasm() *wasmbuild.Output {
	return &wasmbuild.Output{
		Interceptor: module("go1.26.8", "interceptor"), Proxy: module("go1.26.8", "proxy"), SignIn: module("go1.26.8", "signin"),
		WasmExec: []byte("globalThis.Go = class {};\n"), GoVersion: "go1.26.8",
	}
}

func scripts() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"client.js": file("const config = __TOKENVAULT_CONFIG__;\n" +
			"class TokenVaultError extends Error {}\n" +
			"const connect = () => config;\nconst client = () => TokenVaultError;\n\n" +
			"export { connect, client, TokenVaultError };\n"),
		"types/tokenvault.d.ts": file("export function connect(): unknown;\n"),
		"gowasm.js":             file("'use strict';\nclass GoProgram {}\n"),
		"interceptor.js":        file("'use strict';\nconst config = __TOKENVAULT_CONFIG__;\nself.seen = [config, GoProgram];\n"),
		"proxy.js":              file("'use strict';\nconst config = __TOKENVAULT_CONFIG__;\n"),
		"proxy.html": file("<!doctype html>\n<script {{wasm_exec}}></script>\n<script {{gowasm}}></script>\n" +
			"<script {{vaultwasm}}></script>\n<script {{proxy}}></script>\n"),
		"vaultwasm.js": file("'use strict';\n"),
		"page.js":      file("'use strict';\nconst config = __TOKENVAULT_CONFIG__;\n"),
		"page.css":     file("main { margin: auto }\n"),
		"address.js":   file("'use strict';\n"),
		"page.html": file("<!doctype html>\n<html data-page=\"{{name}}\">\n<script {{address}}></script>\n<link {{style}}>\n" +
			"<script {{wasm_exec}}></script>\n<script {{gowasm}}></script>\n<script {{vaultwasm}}></script>\n<script {{page}}></script>\n"),
	}
}

// tableWithSignIn has one more client, which the vault signs in.
func tableWithSignIn() *policy.Table {
	table := table()
	table.Clients = append(table.Clients, policy.Client{
		Name: "own", ID: "own", Issuer: "https://login.example.com",
		Token:  policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"},
		Redact: []string{"access_token", "refresh_token", "id_token"},
		SignIn: policy.SignIn{
			Authorization: policy.Endpoint{Origin: "https://login.example.com", Path: "/authorize"},
			Keys:          policy.Endpoint{Origin: "https://keys.example.com", Path: "/jwks"},
			ReturnTo:      []string{"/*"},
		},
	})
	return table
}

// withSignIn is a fixture whose vault has pages of its own.
func withSignIn() inputs {
	in := fixture()
	in.table = tableWithSignIn()
	return in
}

func table() *policy.Table {
	return &policy.Table{
		AppOrigin:   "https://app.example.com",
		VaultOrigin: "https://vault.example.com",
		TimeoutMS:   30000,
		Clients: []policy.Client{{
			Name: "main", ID: "spa",
			Token:     policy.Endpoint{Origin: "https://auth.example.com", Path: "/token"},
			Redact:    []string{"access_token", "refresh_token"},
			Resources: []policy.Rule{{Origin: "https://api.example.com", Path: "/v1/*", Methods: []string{"GET"}}},
		}},
	}
}

func fixture() inputs {
	return inputs{table: table(), worker: "/interceptor.js", scope: "/", scripts: scripts(), wasm: wasm()}
}

// built builds a fixture and returns its folder.
func built(tb testing.TB, in inputs, compression Compression) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "dist")
	_, err := build(tb.Context(), in, out, compression)
	require.NoError(tb, err)
	return out
}

// read returns all files of a file system.
func read(tb testing.TB, dir fs.FS) files {
	tb.Helper()
	all := files{}
	require.NoError(tb, fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		all[name], err = fs.ReadFile(dir, name)
		return err
	}))
	return all
}
