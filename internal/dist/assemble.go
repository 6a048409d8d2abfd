package dist

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"tokenvault/internal/config"
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
	pages         config.Pages
	scripts       fs.FS // the files of package static
	wasm          *wasmbuild.Output
}

// sources are the files of package static that a build uses.
type sources struct {
	client, clientTypes, interceptor, gowasm, proxy, frame string

	vaultwasm                    string // of the frame and of the pages
	page, address, script, style string // of the pages
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
		{static.FrameName, &s.frame},
		{"vaultwasm.js", &s.vaultwasm},
		{static.PageTemplate, &s.page},
		{"address.js", &s.address},
		{"page.js", &s.script},
		{"page.css", &s.style},
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
		SignIn   string `json:"signIn"` // "app" or "vault", as in tokenvault.json
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
	vaultConfig struct {
		Protocol  int    `json:"protocol"`
		Wasm      string `json:"wasm"`
		Integrity string `json:"integrity"`
		Table     string `json:"table"`
		App       string `json:"app"`
	}
	pageConfig struct {
		vaultConfig
		Language string       `json:"language"`
		Texts    static.Texts `json:"texts"`
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
		src.client, src.interceptor, src.gowasm, src.vaultwasm, src.proxy, src.frame,
		string(in.wasm.WasmExec), string(in.wasm.Interceptor), string(in.wasm.Proxy),
	} {
		hashPart(sum, part)
	}
	if pages := static.Pages(in.table); len(pages) > 0 {
		language, texts := speech(in.pages)
		for _, part := range append(pages, src.page, src.address, src.script, src.style, language, literal(texts), string(in.wasm.SignIn)) {
			hashPart(sum, part)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// hashPart adds a part with its length before it: none can run over into the next.
func hashPart(sum hash.Hash, part string) { fmt.Fprintf(sum, "%d:%s", len(part), part) }

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
		names[i] = clientName{client.Name, client.ID, "app"}
		if client.OwnsSignIn() {
			names[i].SignIn = "vault"
		}
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

// mark is a place in a page, and the file whose URL goes there.
type mark struct {
	text, attribute, name, content string
}

func assembleVault(in inputs, src sources, out files) error {
	wasm := out.addHashed(vaultFolder, "proxy.wasm", in.wasm.Proxy)
	config := vaultConfig{
		Protocol: protocol.Version,
		Wasm:     wasm, Integrity: integrity(sha256Name, in.wasm.Proxy),
		Table: policy.Encode(in.table), App: in.table.AppOrigin,
	}
	proxy, err := configure("proxy.js", src.proxy, config)
	if err != nil {
		return err
	}
	common := []mark{
		{"{{wasm_exec}}", "src", "wasm_exec.js", string(in.wasm.WasmExec)},
		{"{{gowasm}}", "src", "gowasm.js", src.gowasm},
		{"{{vaultwasm}}", "src", "vaultwasm.js", src.vaultwasm},
	}
	frame := append(slices.Clip(common), mark{"{{proxy}}", "src", "proxy.js", proxy})
	if err := out.addPage(static.FrameName, static.FrameName, src.frame, frame); err != nil {
		return err
	}
	return assemblePages(in, src, common, out)
}

// assemblePages adds the vault's own pages, where a client signs in by them.
func assemblePages(in inputs, src sources, common []mark, out files) error {
	pages := static.Pages(in.table)
	if len(pages) == 0 {
		return nil
	}
	language, texts := speech(in.pages)
	script, err := configure("page.js", src.script, pageConfig{
		vaultConfig: vaultConfig{
			Protocol: protocol.Version,
			Wasm:     out.addHashed(vaultFolder, "signin.wasm", in.wasm.SignIn), Integrity: integrity(sha256Name, in.wasm.SignIn),
			Table: policy.Encode(in.table), App: in.table.AppOrigin,
		},
		Language: language, Texts: texts,
	})
	if err != nil {
		return err
	}
	own := append(
		slices.Clip(common),
		mark{"{{address}}", "src", "address.js", src.address},
		mark{"{{page}}", "src", "page.js", script},
		mark{"{{style}}", "href", "page.css", src.style},
	)
	for _, name := range pages {
		page, err := fill(static.PageTemplate, src.page, "{{name}}", strings.TrimSuffix(name, ".html"))
		if err != nil {
			return err
		}
		if err := out.addPage(name, static.PageTemplate, page, own); err != nil {
			return err
		}
	}
	return nil
}

// speech returns the texts of the vault's own pages, and the language of those to use
// where the browser's are not there.
func speech(pages config.Pages) (language string, texts static.Texts) {
	texts = static.PageTexts().With(pages.Texts)
	if pages.Language == "" {
		return static.PageLanguage, texts
	}
	return pages.Language, static.Texts{pages.Language: texts[pages.Language]}
}

// addPage adds a page of the vault, made of a template, and the files that it refers to
// and pins.
func (f files) addPage(name, template, page string, marks []mark) error {
	for _, mark := range marks {
		url := f.addHashed(vaultFolder, mark.name, []byte(mark.content))
		attributes := fmt.Sprintf(`%s="%s" integrity="%s"`, mark.attribute, url, integrity(sha384Name, []byte(mark.content)))
		var err error
		if page, err = fill(template, page, mark.text, attributes); err != nil {
			return err
		}
	}
	if strings.Contains(page, "{{") {
		return fmt.Errorf("%w: %s has a mark that nothing fills in", ErrTemplate, template)
	}
	f[vaultFolder+name] = []byte(page)
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
