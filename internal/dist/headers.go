package dist

import (
	"fmt"
	"slices"
	"strings"

	"tokenvault/static"
)

const cacheControl = "Cache-Control"

// rule says which headers the answers to some paths of an origin have.
type rule struct {
	match   match
	path    string // with exactly
	headers []static.Header
	// topLevel: for a document of its own only, where the server can tell.
	topLevel bool
}

// match is the kind of a rule's paths. A path that several rules match is the
// most specific one's alone: exactly, then hashedNames, then everything.
type match uint8

const (
	exactly match = iota
	hashedNames
	everything
)

// vaultRules are the headers of the vault origin.
func vaultRules(in inputs) []rule {
	common := static.VaultHeaders(in.table, static.FrameName)
	rules := []rule{
		{match: everything, headers: cached(common, static.NoStore)},
		{match: hashedNames, headers: cached(common, static.CacheForever)},
	}
	for _, page := range static.Pages(in.table) {
		rules = append(rules, rule{
			path:     "/" + page,
			headers:  cached(static.VaultHeaders(in.table, page), static.NoStore),
			topLevel: static.TopLevel(page),
		})
	}
	return rules
}

// appRules are the headers of our files in the app origin. All others are the
// app's own, so every rule names one file.
func appRules(in inputs, all files) []rule {
	var rules []rule
	scope := static.ScopeHeaders(in.worker, in.scope)
	for _, path := range paths(all, appFolder) {
		headers := static.AppHeaders()
		if path == "/"+static.WorkerName {
			headers = static.WorkerHeaders(in.table)
		}
		if path == in.worker {
			headers = append(slices.Clone(headers), scope...)
		}
		cache := static.NoCache
		if static.Hashed(path) {
			cache = static.CacheForever
		}
		rules = append(rules, rule{path: path, headers: cached(headers, cache)})
	}
	if in.worker != "/"+static.WorkerName && len(scope) > 0 {
		rules = append(rules, rule{path: in.worker, headers: scope})
	}
	return rules
}

func cached(headers []static.Header, cache string) []static.Header {
	return append(slices.Clone(headers), static.Header{Name: cacheControl, Value: cache})
}

// paths returns the URL paths of a folder's files, in order.
func paths(all files, folder string) []string {
	var paths []string
	for _, name := range all.names() {
		if rest, in := strings.CutPrefix(name, folder); in {
			paths = append(paths, "/"+rest)
		}
	}
	return paths
}

// addHeaderFiles writes the headers down for servers that are not ours. all
// has the files of both folders, before their compressed twins.
func addHeaderFiles(in inputs, all files) {
	vault, app := vaultRules(in), appRules(in, all)
	vaultNotes := []string{
		"Token Vault: headers of the vault origin " + in.table.VaultOrigin + ".",
		"Serve nothing else there, and set no cookie and no Access-Control header.",
	}
	appNotes := []string{
		"Token Vault: headers of its files in the app origin " + in.table.AppOrigin + ".",
		"A Content-Security-Policy of the app's own pages needs: " + static.FramePolicy(in.table),
	}
	if in.worker != "/"+static.WorkerName {
		appNotes = append(appNotes, "A Content-Security-Policy of "+in.worker+" needs: script-src 'self' 'wasm-unsafe-eval'")
	}
	generated := files{
		headerFolder + "vault.nginx.conf": nginx(vaultNotes, vault),
		headerFolder + "app.nginx.conf":   nginx(appNotes, app),
		headerFolder + "vault.Caddyfile":  caddy(vaultNotes, vault),
		headerFolder + "app.Caddyfile":    caddy(appNotes, app),
		vaultFolder + "_headers":          staticHost(vaultNotes, vaultPerFile(in, paths(all, vaultFolder))),
		appFolder + "_headers":            staticHost(appNotes, app),
	}
	for name, content := range generated {
		all[name] = content
	}
}

// nginx writes a file to include in the server block of the origin. Each
// location repeats all headers: nginx forgets those of the block around it.
func nginx(notes []string, rules []rule) []byte {
	var b strings.Builder
	comment(&b, append(notes,
		"Include this file in the server block of the origin; its root is the folder",
		"beside this one. With the module ngx_brotli add: brotli_static on;"))
	b.WriteString("gzip_static on;\ngzip_vary on;\n")
	for _, rule := range rules {
		location := map[match]string{
			exactly:     "= " + rule.path,
			hashedNames: `~ "` + static.HashedPattern + `"`,
			everything:  "/",
		}[rule.match]
		fmt.Fprintf(&b, "\nlocation %s {\n", location)
		if rule.topLevel {
			// A browser that does not say gets it: the page looks for itself.
			b.WriteString("    if ($http_sec_fetch_dest !~ \"^(document)?$\") {\n        return 403;\n    }\n")
		}
		b.WriteString("    limit_except GET {\n        deny all;\n    }\n")
		b.WriteString("    types {\n        text/css css;\n        text/html html;\n        text/javascript js mjs;\n        text/plain ts;\n        application/wasm wasm;\n    }\n    charset utf-8;\n    charset_types text/css text/javascript text/plain;\n")
		for _, header := range rule.headers {
			always := " always"
			if header.Name == cacheControl {
				always = "" // a name that is missing for a moment is not missing for a year
			}
			fmt.Fprintf(&b, "    add_header %s %q%s;\n", header.Name, header.Value, always)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

// caddy writes a file to import into the site block of the origin. A route
// keeps the order, in which a later, more specific rule replaces the headers of
// an earlier one.
func caddy(notes []string, rules []rule) []byte {
	var b strings.Builder
	comment(&b, append(notes,
		"Import this file into the site block of the origin; its root is the folder",
		"beside this one."))
	b.WriteString("route {\n")
	for i, rule := range rules {
		matcher := "*"
		if rule.match != everything {
			matcher = fmt.Sprintf("@%d", i)
			paths := "path " + rule.path
			if rule.match == hashedNames {
				paths = "path_regexp " + static.HashedPattern
			}
			// Only a file that is there: see nginx.
			fmt.Fprintf(&b, "\t%s {\n\t\t%s\n\t\tfile\n\t}\n", matcher, paths)
		}
		fmt.Fprintf(&b, "\theader %s {\n", matcher)
		for _, header := range rule.headers {
			fmt.Fprintf(&b, "\t\t%s %q\n", header.Name, header.Value)
		}
		b.WriteString("\t}\n")
	}
	var topLevel []string
	for _, rule := range rules {
		if rule.topLevel {
			topLevel = append(topLevel, rule.path)
		}
	}
	if len(topLevel) > 0 {
		// A browser that does not say gets them: the pages look for themselves.
		fmt.Fprintf(&b, "\t@embedded {\n\t\tpath %s\n\t\theader Sec-Fetch-Dest *\n\t\tnot header Sec-Fetch-Dest document\n\t}\n", strings.Join(topLevel, " "))
		b.WriteString("\trespond @embedded 403\n")
	}
	b.WriteString("\tfile_server {\n\t\tprecompressed br gzip\n\t}\n}\n")
	return []byte(b.String())
}

// vaultPerFile are the vault's rules for hosts that know paths only and join the
// values of a header that two rules set: what differs from file to file is said for
// each file, the rest once for everything. The policy alone is said twice where the
// vault has pages, since a path that no rule names needs one too.
func vaultPerFile(in inputs, paths []string) []rule {
	all := static.VaultHeadersOfAll(in.table)
	split := []rule{{match: everything, headers: all}}
	add := func(path string, headers []static.Header, cache string) {
		rule := rule{path: path}
		for _, header := range headers {
			if !slices.Contains(all, header) {
				rule.headers = append(rule.headers, header)
			}
		}
		rule.headers = cached(rule.headers, cache)
		split = append(split, rule)
	}
	for _, path := range paths {
		short, isPage := strings.CutSuffix(path, ".html")
		switch {
		case isPage:
			headers := static.VaultHeaders(in.table, path[1:])
			add(path, headers, static.NoStore)
			// Some hosts serve a page under its name without the extension.
			add(short, headers, static.NoStore)
		case static.Hashed(path):
			add(path, nil, static.CacheForever)
		default:
			add(path, nil, static.NoStore)
		}
	}
	return split
}

// staticHost writes the _headers file of Netlify, Cloudflare Pages and others.
func staticHost(notes []string, rules []rule) []byte {
	var b strings.Builder
	comment(&b, notes)
	for _, rule := range rules {
		path := rule.path
		if rule.match == everything {
			path = "/*"
		}
		b.WriteString("\n" + path + "\n")
		for _, header := range rule.headers {
			fmt.Fprintf(&b, "  %s: %s\n", header.Name, header.Value)
		}
	}
	return []byte(b.String())
}

func comment(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString("# " + line + "\n")
	}
}
