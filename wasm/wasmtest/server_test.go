//go:build !js

package wasmtest

import (
	_ "embed"
	"io"
	"net/http"
	"strings"
)

// policy is the vault's Content-Security-Policy as far as it is about scripts,
// so that the glue is shown to work under it. Connections are free: the tests
// want to see the network refuse, not the policy.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *; " +
	"base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

var (
	//go:embed testdata/run.js
	runScript string
	//go:embed testdata/exit.js
	exitScript string
)

// newHandler serves the page that runs a test binary, and what the tests of
// browser.Fetcher ask for.
func newHandler(binaries, runtime string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /run", page("/wasm_exec.js", "/exit.js", "/run.js"))
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, runtime) })
	mux.HandleFunc("GET /run.js", script(runScript))
	mux.HandleFunc("GET /exit.js", script(exitScript))
	mux.Handle("GET /binary/", http.StripPrefix("/binary/", http.FileServer(http.Dir(binaries))))
	for name, source := range controls {
		mux.HandleFunc("GET /control/"+name, page("/exit.js", "/control/"+name+".js"))
		mux.HandleFunc("GET /control/"+name+".js", script(source))
	}

	mux.HandleFunc("/fixture/echo", echo)
	mux.HandleFunc("GET /fixture/redirect", redirect)
	mux.HandleFunc("GET /fixture/large", large)
	mux.HandleFunc("GET /fixture/broken", broken)
	mux.HandleFunc("GET /fixture/hang", hang)
	mux.HandleFunc("GET /fixture/status", status)
	return mux
}

// controls are pages that do what the runner has to notice.
var controls = map[string]string{
	"rejection": `Promise.reject(new Error("nobody handles this")); exited(0);`,
	"exception": `exited(0); throw new Error("nobody catches this");`,
	"released":  `console.error("` + releasedCall + `"); exited(0);`,
	"nothing":   `exited(0);`,
}

// page is an HTML page with scripts.
func page(scripts ...string) http.HandlerFunc {
	html := "<!doctype html><meta charset=utf-8><title>wasmtest</title>"
	for _, source := range scripts {
		html += `<script src="` + source + `"></script>`
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		write(w, html)
	}
}

// script serves JavaScript.
func script(source string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		write(w, source)
	}
}

// echo answers with the request: the line, chosen headers, the body.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Echo", "yes")
	w.WriteHeader(http.StatusAccepted)
	write(w, r.Method+" "+r.URL.RequestURI()+"\n")
	for _, name := range []string{"Content-Type", "X-Test", "Referer", "Cache-Control", "Sec-Fetch-Mode", "Cookie"} {
		write(w, name+": "+strings.Join(r.Header.Values(name), ", ")+"\n")
	}
	write(w, "\n")
	if _, err := io.Copy(w, r.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// redirect points at echo, which would answer.
func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/fixture/echo", http.StatusFound)
}

// large sends as much as the limit of browser.Fetcher, or a block more, and does
// not say so beforehand.
func large(w http.ResponseWriter, r *http.Request) {
	block := strings.Repeat("x", 1<<16)
	blocks := map[string]int{"limit": 16, "over": 17}[r.URL.Query().Get("size")]
	for range blocks {
		write(w, block)
		w.(http.Flusher).Flush()
	}
}

// broken promises more than it sends.
func broken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	write(w, "not a hundred bytes")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// hang answers nothing, or with ?head=1 the head, until the client is gone.
func hang(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("head") != "" {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
	}
	<-r.Context().Done()
}

// status is an answer without a body.
func status(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// write sends text; a client that is gone ends the handler.
func write(w io.Writer, text string) {
	if _, err := io.WriteString(w, text); err != nil {
		panic(http.ErrAbortHandler)
	}
}
