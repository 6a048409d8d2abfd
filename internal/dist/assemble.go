package dist

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// The folders, and the names of ours in them that are not hashed.
const (
	appFolder    = "app/"
	vaultFolder  = "vault/"
	headerFolder = "headers/"
	manifestName = "manifest.json"
)

const (
	// configMark is the identifier that a script has where its configuration
	// goes.
	configMark = "__TOKENVAULT_CONFIG__"
	// exports is the last line of client.js. A classic script cannot have it.
	exports = "export { connect, client, TokenVaultError };"
)

// inputs are all that a build depends on.
type inputs struct {
	table         *policy.Table
	worker, scope string
	scripts       fs.FS // the files of package static
	wasm          *wasmbuild.Output
}

// sources are the files of package static that a build uses.
type sources struct {
	client, clientTypes, interceptor, gowasm, proxy, page string
}

func readSources(scripts fs.FS) (s sources, err error) {
	for _, source := range []struct {
		name string
		to   *string
	}{
		{"client.js", &s.client},
		{"types/tokenvault.d.ts", &s.clientTypes},
		{"interceptor.js", &s.interceptor},
		{"gowasm.js", &s.gowasm},
		{"proxy.js", &s.proxy},
		{static.FrameName, &s.page},
	} {
		content, err := fs.ReadFile(scripts, source.name)
		if err != nil {
			return sources{}, fmt.Errorf("%w: %w", ErrTemplate, err)
		}
		*source.to = string(content)
	}
	return s, nil
}

// What the scripts are told, as JSON in place of configMark.
type (
	clientConfig struct {
		Protocol int          `json:"protocol"`
		Policy   string       `json:"policy"`
		Worker   string       `json:"worker"`
		Scope    string       `json:"scope"`
		Vault    string       `json:"vault"`
		Frame    string       `json:"frame"`
		Origins  []string     `json:"origins"`
		Clients  []clientName `json:"clients"`
		Timeout  int64        `json:"timeout"`
	}
	clientName struct {
		Name     string `json:"name"`
		ClientID string `json:"clientId"`
	}
	interceptorConfig struct {
		Protocol  int         `json:"protocol"`
		Build     string      `json:"build"`
		Policy    string      `json:"policy"`
		Wasm      string      `json:"wasm"`
		Integrity string      `json:"integrity"`
		Table     string      `json:"table"`
		Places    [][2]string `json:"places"`
		Timeout   int64       `json:"timeout"`
	}
	proxyConfig struct {
		Protocol  int    `json:"protocol"`
		Wasm      string `json:"wasm"`
		Integrity string `json:"integrity"`
		Table     string `json:"table"`
		App       string `json:"app"`
	}
)

// assemble makes the two folders, neither compressed nor listed yet, and the
// build's name.
func assemble(in inputs) (out files, build string, err error) {
	src, err := readSources(in.scripts)
	if err != nil {
		return nil, "", err
	}
	build = buildName(in, src)
	out = files{}

	wasmExec := out.addHashed(appFolder, "wasm_exec.js", in.wasm.WasmExec)
	if err := assembleApp(in, src, build, wasmExec, out); err != nil {
		return nil, "", err
	}
	if err := assembleVault(in, src, out); err != nil {
		return nil, "", err
	}
	return out, build, nil
}

// buildName is the hash of everything that goes in. The manifest has it, and the
// worker keeps its binary under it.
func buildName(in inputs, src sources) string {
	sum := sha256.New()
	for _, part := range []string{
		fmt.Sprint(protocol.Version), policy.Encode(in.table), in.worker, in.scope,
		src.client, src.interceptor, src.gowasm, src.proxy, src.page,
		string(in.wasm.WasmExec), string(in.wasm.Interceptor), string(in.wasm.Proxy),
	} {
		// With its length before it no part can run over into the next.
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// policyName is the hash of the policy. The page asks a worker for it, which may
// be of a deployment before.
func policyName(table *policy.Table) string {
	sum := sha256.Sum256([]byte(policy.Encode(table)))
	return hex.EncodeToString(sum[:])[:16]
}

func assembleApp(in inputs, src sources, build, wasmExec string, out files) error {
	wasm := out.addHashed(appFolder, "interceptor.wasm", in.wasm.Interceptor)
	interceptor, err := configure("interceptor.js", src.interceptor, interceptorConfig{
		Protocol: protocol.Version, Build: build, Policy: policyName(in.table),
		Wasm: wasm, Integrity: integrity(sha256Name, in.wasm.Interceptor),
		Table: policy.Encode(in.table), Places: placesOf(in.table), Timeout: in.table.TimeoutMS,
	})
	if err != nil {
		return err
	}
	// One file, since each script that a worker imports is one more request
	// before its first event; wasm_exec.js apart, which changes with Go only.
	out[appFolder+static.WorkerName] = []byte("importScripts(" + literal(wasmExec) + ");\n" + enclose(src.gowasm+"\n"+interceptor))

	client, err := configure("client.js", src.client, clientConfig{
		Protocol: protocol.Version, Policy: policyName(in.table),
		Worker: in.worker, Scope: in.scope,
		Vault: in.table.VaultOrigin, Frame: "/" + static.FrameName,
		Origins: in.table.Origins(), Clients: clientNames(in.table), Timeout: in.table.TimeoutMS,
	})
	if err != nil {
		return err
	}
	classic, err := classicClient(client)
	if err != nil {
		return err
	}
	out[appFolder+"tokenvault.mjs"] = []byte(client)
	out[appFolder+"tokenvault.js"] = []byte(classic)
	out[appFolder+"tokenvault.d.ts"] = []byte(src.clientTypes)
	return nil
}

// placesOf are the places of a policy as JavaScript likes them.
func placesOf(table *policy.Table) [][2]string {
	places := [][2]string{}
	for _, place := range table.Places() {
		places = append(places, [2]string{place.Origin, place.Path})
	}
	return places
}

func clientNames(table *policy.Table) []clientName {
	names := make([]clientName, len(table.Clients))
	for i, client := range table.Clients {
		names[i] = clientName{client.Name, client.ID}
	}
	return names
}

var moduleSyntax = regexp.MustCompile(`(?m)^(import|export)\b`)

// classicClient makes a script for <script src> out of the module: it connects
// at once and puts the result where other scripts find it.
func classicClient(module string) (string, error) {
	body, found := strings.CutSuffix(strings.TrimRight(module, "\n"), "\n"+exports)
	if !found {
		return "", fmt.Errorf("%w: the last line of client.js has to be %q", ErrTemplate, exports)
	}
	if line := moduleSyntax.FindString(body); line != "" {
		return "", fmt.Errorf("%w: client.js has an %s before its last line, which a classic script cannot have", ErrTemplate, line)
	}
	return enclose(body + "\nglobalThis.tokenvault = connect();"), nil
}

func assembleVault(in inputs, src sources, out files) error {
	wasm := out.addHashed(vaultFolder, "proxy.wasm", in.wasm.Proxy)
	proxy, err := configure("proxy.js", src.proxy, proxyConfig{
		Protocol: protocol.Version,
		Wasm:     wasm, Integrity: integrity(sha256Name, in.wasm.Proxy),
		Table: policy.Encode(in.table), App: in.table.AppOrigin,
	})
	if err != nil {
		return err
	}
	page := src.page
	for _, script := range []struct{ mark, name, content string }{
		{"{{wasm_exec}}", "wasm_exec.js", string(in.wasm.WasmExec)},
		{"{{gowasm}}", "gowasm.js", src.gowasm},
		{"{{proxy}}", "proxy.js", proxy},
	} {
		url := out.addHashed(vaultFolder, script.name, []byte(script.content))
		attributes := fmt.Sprintf(`src="%s" integrity="%s"`, url, integrity(sha384Name, []byte(script.content)))
		if page, err = fill(static.FrameName, page, script.mark, attributes); err != nil {
			return err
		}
	}
	out[vaultFolder+static.FrameName] = []byte(page)
	return nil
}

// addHashed adds a file under its hashed name and returns its path in a URL.
func (f files) addHashed(folder, name string, content []byte) string {
	name = static.HashedName(name, hexSHA256(content))
	f[folder+name] = content
	return "/" + name
}

// configure puts a configuration into a script.
func configure(name, script string, config any) (string, error) {
	return fill(name, script, configMark, literal(config))
}

// literal writes a value as JSON, which is an expression of JavaScript too:
// Marshal escapes what a script could misread (<, U+2028, U+2029).
func literal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and lists of them always marshal
	}
	return string(text)
}

// fill replaces a mark, which has to be there exactly once.
func fill(name, text, mark, value string) (string, error) {
	if n := strings.Count(text, mark); n != 1 {
		return "", fmt.Errorf("%w: %s has %s %d times instead of once", ErrTemplate, name, mark, n)
	}
	return strings.Replace(text, mark, value, 1), nil
}

// enclose keeps a script's names out of the global scope.
func enclose(script string) string {
	return "(() => {\n\"use strict\";\n" + strings.TrimRight(script, "\n") + "\n})();\n"
}
