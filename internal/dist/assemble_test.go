package dist

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/static"
)

func assembled(tb testing.TB) (files, string) {
	tb.Helper()
	all, name, err := assemble(fixture())
	require.NoError(tb, err)
	return all, name
}

// find returns the one file whose name matches.
func find(tb testing.TB, all files, pattern string) (name, content string) {
	tb.Helper()
	for _, candidate := range all.names() {
		if regexp.MustCompile("^" + pattern + "$").MatchString(candidate) {
			require.Empty(tb, name, "two files match %s", pattern)
			name, content = candidate, string(all[candidate])
		}
	}
	require.NotEmpty(tb, name, pattern)
	return name, content
}

// configOf reads the configuration back out of a script.
func configOf(tb testing.TB, script string) map[string]any {
	tb.Helper()
	match := regexp.MustCompile(`(?m)^const config = (.*);$`).FindStringSubmatch(script)
	require.NotNil(tb, match, script)
	config := map[string]any{}
	require.NoError(tb, json.Unmarshal([]byte(match[1]), &config))
	return config
}

func TestWhatTheScriptsAreTold(t *testing.T) {
	all, build := assembled(t)
	places := []any{}
	for _, place := range table().Places() {
		places = append(places, []any{place.Origin, place.Path})
	}
	origins := []any{}
	for _, origin := range table().Origins() {
		origins = append(origins, origin)
	}

	policyName := policyName(table())
	client := map[string]any{
		"protocol": float64(protocol.Version), "policy": policyName, "worker": "/interceptor.js", "scope": "/",
		"vault": "https://vault.example.com", "frame": "/proxy.html", "origins": origins,
		"clients": []any{map[string]any{"name": "main", "clientId": "spa", "signIn": "app"}}, "timeout": 30000.0,
	}
	require.Equal(t, client, configOf(t, string(all["app/tokenvault.mjs"])))
	require.Equal(t, client, configOf(t, string(all["app/tokenvault.js"])))

	name, wasm := find(t, all, `app/interceptor\..{16}\.wasm`)
	require.Equal(t, map[string]any{
		"protocol": float64(protocol.Version), "build": build, "policy": policyName, "wasm": strings.TrimPrefix(name, "app"),
		"integrity": integrity(sha256Name, []byte(wasm)), "table": policy.Encode(table()), "places": places, "timeout": 30000.0,
	}, configOf(t, string(all["app/interceptor.js"])))

	name, wasm = find(t, all, `vault/proxy\..{16}\.wasm`)
	_, proxy := find(t, all, `vault/proxy\..{16}\.js`)
	require.Equal(t, map[string]any{
		"protocol": float64(protocol.Version), "wasm": strings.TrimPrefix(name, "vault"),
		"integrity": integrity(sha256Name, []byte(wasm)), "table": policy.Encode(table()), "app": "https://app.example.com",
	}, configOf(t, proxy))
}

func TestWhatThePagesAreTold(t *testing.T) {
	in := withSignIn()
	told := func() (map[string]any, files) {
		all, _, err := assemble(in)
		require.NoError(t, err)
		_, script := find(t, all, `vault/page\..{16}\.js`)
		return configOf(t, script), all
	}
	config, all := told()
	name, wasm := find(t, all, `vault/signin\..{16}\.wasm`)
	require.Equal(t, float64(protocol.Version), config["protocol"])
	require.Equal(t, strings.TrimPrefix(name, "vault"), config["wasm"])
	require.Equal(t, integrity(sha256Name, []byte(wasm)), config["integrity"])
	require.Equal(t, policy.Encode(in.table), config["table"])
	require.Equal(t, "https://app.example.com", config["app"])
	require.Equal(t, "en", config["language"])
	texts := config["texts"].(map[string]any)
	for language, builtIn := range static.PageTexts() {
		require.Len(t, texts[language], len(builtIn))
	}
	require.Len(t, config, 7)

	in.pages.Language, in.pages.Texts = "de", map[string]map[string]string{"de": {"return": "Zur App"}}
	config, _ = told()
	require.Equal(t, "de", config["language"])
	require.Len(t, config["texts"], 1, "the only language")
	german := config["texts"].(map[string]any)["de"].(map[string]any)
	require.Equal(t, "Zur App", german["return"])
	require.Equal(t, static.PageTexts()["de"]["denied"], german["denied"])

	require.Equal(t, []any{
		map[string]any{"name": "main", "clientId": "spa", "signIn": "app"},
		map[string]any{"name": "own", "clientId": "own", "signIn": "vault"},
	}, configOf(t, string(all["app/tokenvault.mjs"]))["clients"])
}

// A page asks a worker for the name of its policy, whatever else is in the build.
func TestPolicyNameIsThePolicys(t *testing.T) {
	name := policyName(table())
	require.Equal(t, name, policyName(table()))
	other := table()
	other.Clients[0].Token.Path += "s"
	require.NotEqual(t, name, policyName(other))
}

func TestModuleAndClassicScript(t *testing.T) {
	all, _ := assembled(t)
	require.True(t, strings.HasSuffix(string(all["app/tokenvault.mjs"]), "\n"+exports+"\n"))

	classic := string(all["app/tokenvault.js"])
	require.NotContains(t, classic, "export")
	require.True(t, strings.HasPrefix(classic, "(() => {\n\"use strict\";\n"))
	require.True(t, strings.HasSuffix(classic, "\nglobalThis.tokenvault = connect();\n})();\n"))
}

func TestWorkerIsOneFileAfterGoSupport(t *testing.T) {
	all, _ := assembled(t)
	support, _ := find(t, all, `app/wasm_exec\..{16}\.js`)
	first, rest, _ := strings.Cut(string(all["app/interceptor.js"]), "\n")
	require.Equal(t, `importScripts("`+strings.TrimPrefix(support, "app")+`");`, first)
	require.Less(t, strings.Index(rest, "class GoProgram"), strings.Index(rest, "self.seen"))
}

func TestFramePinsItsScripts(t *testing.T) {
	all, _ := assembled(t)
	page := string(all["vault/proxy.html"])
	require.NotContains(t, page, "{{")
	scripts := regexp.MustCompile(`<script src="/([^"]+)" integrity="([^"]+)"></script>`).FindAllStringSubmatch(page, -1)
	require.Len(t, scripts, 4)
	for i, name := range []string{"wasm_exec.", "gowasm.", "vaultwasm.", "proxy."} {
		require.True(t, strings.HasPrefix(scripts[i][1], name))
		require.True(t, static.Hashed(scripts[i][1]))
		require.Equal(t, integrity(sha384Name, all["vault/"+scripts[i][1]]), scripts[i][2])
	}
}

func TestPagesPinWhatTheyLoad(t *testing.T) {
	all, _, err := assemble(withSignIn())
	require.NoError(t, err)
	for _, name := range static.Pages(tableWithSignIn()) {
		page := string(all[vaultFolder+name])
		require.NotContains(t, page, "{{")
		require.Contains(t, page, `data-page="`+strings.TrimSuffix(name, ".html")+`"`)
		loaded := regexp.MustCompile(`(?:src|href)="/([^"]+)" integrity="([^"]+)">`).FindAllStringSubmatch(page, -1)
		require.Len(t, loaded, 6)
		for i, start := range []string{"address.", "page.", "wasm_exec.", "gowasm.", "vaultwasm.", "page."} {
			require.True(t, strings.HasPrefix(loaded[i][1], start))
			require.True(t, static.Hashed(loaded[i][1]))
			require.Equal(t, integrity(sha384Name, all[vaultFolder+loaded[i][1]]), loaded[i][2])
		}
		require.Contains(t, page, `<link href="/page.`)
	}
}

// Where the app signs in, the vault has its frame and nothing else to show.
func TestNoPagesWithoutASignInOfTheVault(t *testing.T) {
	all, _ := assembled(t)
	for _, name := range all.names() {
		require.NotRegexp(t, `vault/(page|address|signin)\.`, name)
		if strings.HasSuffix(name, ".html") {
			require.Equal(t, "vault/proxy.html", name)
		}
	}
}

func TestConfigurationCannotLeaveItsLiteral(t *testing.T) {
	in := fixture()
	in.table.Clients[0].Name = "</script><script>\u2028`${1}'\"\\"
	all, _, err := assemble(in)
	require.NoError(t, err)
	_, script, _ := strings.Cut(string(all["app/tokenvault.js"]), "const config = ")
	line, _, _ := strings.Cut(script, "\n")
	require.NotContains(t, line, "</script>")
	require.NotContains(t, line, "\u2028")
	client := configOf(t, string(all["app/tokenvault.js"]))["clients"].([]any)[0].(map[string]any)
	require.Equal(t, in.table.Clients[0].Name, client["name"])
}

func TestAssembleRefusesUnfitScripts(t *testing.T) {
	tests := []struct {
		name, script, replace, with, says string
	}{
		{"configuration missing", "proxy.js", configMark, "{}", "0 times"},
		{"configuration twice", "interceptor.js", configMark, configMark + "," + configMark, "2 times"},
		{"exports missing", "client.js", exports, "", "last line"},
		{"something after the exports", "client.js", exports, exports + "\nconnect();", "last line"},
		{"an import in the client", "client.js", "class", "import 'x';\nclass", "an import"},
		{"another export in the client", "client.js", "class", "export class", "an export"},
		{"a mark missing in the frame", "proxy.html", "{{gowasm}}", "", "{{gowasm}} 0 times"},
		{"a mark too many in the frame", "proxy.html", "<!doctype html>", "<!doctype html>{{style}}", "nothing fills in"},
		{"the pages without their script", "page.html", "{{page}}", "", "{{page}} 0 times"},
		{"the pages without their style", "page.html", "{{style}}", "", "{{style}} 0 times"},
		{"a mark twice in the pages", "page.html", "{{gowasm}}", "{{gowasm}} {{gowasm}}", "2 times"},
		{"the pages without their name", "page.html", "{{name}}", "", "{{name}} 0 times"},
		{"the pages' configuration missing", "page.js", configMark, "{}", "0 times"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := scripts()
			text := strings.Replace(string(changed[test.script].Data), test.replace, test.with, 1)
			changed[test.script] = &fstest.MapFile{Data: []byte(text)}
			in := withSignIn()
			in.scripts = changed
			_, _, err := assemble(in)
			require.ErrorIs(t, err, ErrTemplate)
			require.ErrorContains(t, err, test.script)
			require.ErrorContains(t, err, test.says)
		})
	}
	for name := range scripts() {
		t.Run("no "+name, func(t *testing.T) {
			in := withSignIn()
			fewer := scripts()
			delete(fewer, name)
			in.scripts = fewer
			_, _, err := assemble(in)
			require.ErrorIs(t, err, ErrTemplate)
			require.ErrorContains(t, err, name)
		})
	}
}
