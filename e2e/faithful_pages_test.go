package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestXMLHttpRequestActsAsADirectOne(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const run = `
		const run = ({ method = "GET", url, type = "", headers = {}, body, before = () => {}, until = "loadend", timeout = 0, credentials = false, mime }) =>
			new Promise((resolve) => {
				const request = new XMLHttpRequest();
				const seen = [];
				for (const event of ["loadstart", "progress", "abort", "error", "load", "timeout", "loadend"]) {
					request.addEventListener(event, () => {
						// How often there is progress is a matter of time.
						if (seen.at(-1) !== event) seen.push(event);
					});
				}
				request.onreadystatechange = () => { if (seen.at(-1) !== "state " + request.readyState) seen.push("state " + request.readyState) };
				request.open(method, url);
				request.responseType = type;
				request.timeout = timeout;
				request.withCredentials = credentials;
				if (mime) request.overrideMimeType(mime);
				for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
				request.addEventListener(until, async () => {
					let value = request.response;
					if (value instanceof Blob) value = [value.size, value.type];
					if (value instanceof ArrayBuffer) value = value.byteLength;
					if (value instanceof Document) value = value.documentElement.outerHTML;
					resolve({
						seen, value, status: request.status, statusText: request.statusText, url: request.responseURL,
						headers: request.getAllResponseHeaders().split("\r\n").filter((line) => !/^(date|content-length):/.test(line)),
						state: request.readyState,
					});
				});
				request.send(body);
				before(request);
			});`
	for name, request := range map[string]string{
		"text":                `{ url: api + "/public/text" }`,
		"JSON":                `{ url: U("/s/body?name=json&type=application/json"), type: "json" }`,
		"an ArrayBuffer":      `{ url: api + "/public/binary?size=70000", type: "arraybuffer" }`,
		"a Blob":              `{ url: api + "/public/picture", type: "blob" }`,
		"a document":          `{ url: U("/s/body?name=ascii&type=text/html"), type: "document" }`,
		"another type":        `{ url: api + "/public/binary?size=300", mime: "text/plain; charset=x-user-defined" }`,
		"an upload":           `{ method: "POST", url: U("/s/upload"), body: new Blob([new Uint8Array(100000)]), headers: { "X-App": "1" } }`,
		"a typed upload":      `{ method: "POST", url: U("/s/upload"), body: new Blob(["x"], { type: "image/png" }), mime: "text/plain; charset=utf-16", credentials: true, timeout: 60000, headers: { "X-App": "1", "Accept": "a/b" } }`,
		"an odd upload":       `{ method: "PUT", url: U("/s/upload"), body: new Blob(["x"], { type: "odd" }) }`,
		"an upload, own type": `{ method: "PUT", url: U("/s/upload"), body: new Blob(["x"], { type: "image/png" }), headers: { "Content-Type": "image/gif" } }`,
		"a form":              `{ method: "PUT", url: U("/s/upload"), body: new URLSearchParams("a=b") }`,
		"credentials":         `{ url: U("/s/cookie"), credentials: true }`,
		"404":                 `{ url: api + "/public/status/404", type: "json" }`,
		"204":                 `{ url: api + "/public/status/204" }`,
		"HEAD":                `{ method: "HEAD", url: api + "/public/text" }`,
		"a body of nothing":   `{ url: api + "/public/chunks" }`,
		"repeated headers":    `{ url: api + "/public/headers" }`,
		"no server":           `{ url: U("/s/drop"), method: "POST", body: "x" }`,
		"an upload, aborted":  `{ url: U("/s/upload"), method: "POST", body: new Blob(["x"]), before: (request) => request.abort() }`,
		"abort at once":       `{ url: api + "/public/text", before: (request) => request.abort() }`,
		"abort at the head":   `{ url: api + "/public/big?size=50000000", before: (request) => { request.onreadystatechange = () => request.readyState === 2 && request.abort() } }`,
		"a timeout":           `{ url: api + "/public/slow?ms=60000", timeout: 50 }`,
	} {
		t.Run(name, func(t *testing.T) {
			alike[any](t, w, run+`return run(`+request+`)`)
		})
	}
	t.Run("progress of a large body", func(t *testing.T) {
		got := alike[[]any](t, w, `return new Promise((resolve) => {
			const request = new XMLHttpRequest();
			request.open("GET", api + "/public/big?size=20000000");
			request.responseType = "arraybuffer";
			let progress = null, before = 0, grew = true;
			request.onprogress = ({ loaded, total, lengthComputable }) => {
				grew &&= loaded >= before;
				before = loaded;
				progress = [loaded, total, lengthComputable];
			};
			request.onload = () => resolve([...progress, grew, request.response.byteLength]);
			request.send();
		})`)
		assert.Equal(t, []any{2e7, 2e7, true, true, 2e7}, got)
	})
}

func TestWorkersAndFramesFetchAsThePageDoes(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, fetcher := range map[string]string{
		"a dedicated worker": `
			const worker = new Worker("/e2e/fetcher.js");
			const ask = (message) => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); worker.postMessage(message) });`,
		"a module worker": `
			const worker = new Worker("/e2e/fetcher.js", { type: "module" });
			const ask = (message) => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); worker.postMessage(message) });`,
		"a worker in a worker": `
			const worker = new Worker(URL.createObjectURL(new Blob(["const inner = new Worker('" + location.origin + "/e2e/fetcher.js'); onmessage = ({ data }) => { inner.onmessage = ({ data }) => postMessage(data); inner.postMessage(data) }"])));
			const ask = (message) => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); worker.postMessage(message) });`,
		"a shared worker": `
			const { port } = new SharedWorker("/e2e/fetcher.js");
			const ask = (message) => new Promise((resolve) => { port.onmessage = ({ data }) => resolve(data); port.postMessage(message) });`,
		"a child frame": `
			const frame = document.createElement("iframe");
			await new Promise((resolve) => { frame.onload = resolve; frame.src = location.pathname.replace("blank", "plain"); document.body.append(frame) });
			const ask = async ({ url, init }) => {
				const response = await frame.contentWindow.fetch(url, init);
				const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
				return { status: response.status, url: response.url, sha256: [...bytes].join() };
			};`,
		"a frame of srcdoc": `
			const frame = Object.assign(document.createElement("iframe"), { srcdoc: "<!doctype html><title>Inner</title>" });
			await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame) });
			const ask = async ({ url, init }) => {
				const response = await frame.contentWindow.fetch(url, init);
				return { status: response.status, url: response.url, text: (await response.text()).length };
			};`,
	} {
		t.Run(name, func(t *testing.T) {
			w.IDP.ClearRequests()
			alike[any](t, w, fetcher+`return [
				await ask({ url: api + "/public/text" }),
				await ask({ url: api + "/public/binary?size=100000" }),
				await ask({ url: api + "/public/headers" }),
				await ask({ url: api + "/public/upload", init: { method: "POST", body: "x=1" } }),
			]`)
			tokens := 0
			for _, r := range w.calls() {
				if r.Authorization != "" {
					tokens++
				}
			}
			assert.Equal(t, 4, tokens, "each of the four went through the vault")
		})
	}
}

func TestElementsLoadWhatTheyLoadDirectly(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const add = `
		const add = (name, properties, parent = document.head) => new Promise((resolve) => {
			const element = Object.assign(document.createElement(name), properties);
			element.onload = () => resolve("load");
			element.onerror = () => resolve("error");
			parent.append(element);
			window.added = element;
		});`
	for name, script := range map[string]string{
		"an image": `
			const event = await add("img", { src: api + "/public/picture", id: "a" }, document.body);
			return [event, added.naturalWidth, added.naturalHeight]`,
		"an image of crossorigin, into a canvas": `
			const event = await add("img", { crossOrigin: "anonymous", src: api + "/public/picture" }, document.body);
			const context = Object.assign(document.createElement("canvas"), { width: 7, height: 5 }).getContext("2d");
			context.drawImage(added, 0, 0);
			return [event, [...context.getImageData(6, 4, 1, 1).data].join()]`,
		"an image that is none":      `return add("img", { src: api + "/public/text" }, document.body)`,
		"an image that is not there": `return add("img", { src: api + "/public/status/404" }, document.body)`,
		"a style sheet": `
			const event = await add("link", { rel: "stylesheet", href: api + "/public/style" });
			const style = getComputedStyle(document.documentElement);
			const seen = [event, style.outlineWidth, style.outlineColor];
			added.remove();
			return seen`,
		"a style sheet of crossorigin": `
			const event = await add("link", { rel: "stylesheet", crossOrigin: "use-credentials", href: api + "/public/style?c" });
			const rules = added.sheet.cssRules.length;
			added.remove();
			return [event, rules]`,
		"a script": `
			delete globalThis.fromScript;
			return [await add("script", { src: api + "/public/script" }), globalThis.fromScript]`,
		"a script with integrity": `
			const bytes = await (await fetch(api + "/public/script")).arrayBuffer();
			const sum = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))));
			const crossOrigin = "anonymous", src = api + "/public/script";
			return [
				await add("script", { src: src + "?1", crossOrigin, integrity: "sha256-" + sum }),
				await add("script", { src: src + "?2", crossOrigin, integrity: "sha256-AAAA" }),
			]`,
		"a module":            `return [await add("script", { type: "module", src: api + "/public/module" }), globalThis.fromModule]`,
		"import()":            `return Object.entries(await import(api + "/public/module?part"))`,
		"a preload":           `return add("link", { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: api + "/public/text?preload" })`,
		"a modulepreload":     `return add("link", { rel: "modulepreload", href: api + "/public/module?part&preload" })`,
		"a prefetch":          `return add("link", { rel: "prefetch", href: api + "/public/text?prefetch" })`,
		"a font that is none": `return new FontFace("none", "url(" + api + "/public/text)").load().then(() => "loaded", (error) => error.name)`,
		"importScripts of a worker": `
			const worker = new Worker(URL.createObjectURL(new Blob(["importScripts(" + JSON.stringify(api + "/public/script") + "); postMessage(fromScript)"])));
			return new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); worker.onerror = () => resolve("error") })`,
	} {
		t.Run(name, func(t *testing.T) {
			alike[any](t, w, add+script)
		})
	}
	for _, element := range []string{"audio", "video"} {
		for _, attributes := range []string{``, `crossOrigin: "anonymous"`} {
			t.Run(element+" that seeks, "+attributes, func(t *testing.T) {
				w.IDP.ClearRequests()
				got := alike[[]any](t, w, `
					const media = Object.assign(document.createElement("`+element+`"), { preload: "auto", muted: true, `+attributes+` });
					const once = (event) => new Promise((resolve, reject) => {
						media.addEventListener(event, resolve, { once: true });
						media.addEventListener("error", () => reject(new Error(media.error.message)), { once: true });
					});
					const known = once("loadedmetadata");
					media.src = api + "/public/sound?" + crypto.randomUUID();
					document.body.append(media);
					await known;
					const seen = [media.duration];
					for (const at of [50, 10, 59.5]) {
						const sought = once("seeked");
						media.currentTime = at;
						await sought;
						seen.push(media.currentTime, media.seekable.length);
					}
					if (media.matches("video")) { // a sound needs a user to begin
						const ended = once("ended");
						await media.play();
						await ended;
					}
					media.remove();
					return [...seen, media.ended]`)
				assert.Equal(t, 60.0, got[0])
				partial := map[bool]int{}
				for _, r := range w.calls() {
					if r.Status == http.StatusPartialContent {
						partial[r.Authorization != ""]++
					}
				}
				assert.NotZero(t, partial[true], "through the vault: %v", partial)
				assert.NotZero(t, partial[false], "directly: %v", partial)
			})
		}
	}
}

// TestBeaconsArrive has requests that may outlive their page, with the page alive and
// with it left.
func TestBeaconsArrive(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, script := range map[string]string{
		"sendBeacon":                 `return navigator.sendBeacon(api + "/public/upload?MARK", "x=1")`,
		"sendBeacon of a Blob":       `return navigator.sendBeacon(api + "/public/upload?MARK", new Blob(["{}"], { type: "application/json" }))`,
		"fetch with keepalive":       `fetch(api + "/public/upload?MARK", { method: "POST", body: "x=1", keepalive: true }); return true`,
		"sendBeacon at pagehide":     `addEventListener("pagehide", () => navigator.sendBeacon(api + "/public/upload?MARK", "x=1")); return true`,
		"keepalive at pagehide":      `addEventListener("pagehide", () => { fetch(api + "/public/upload?MARK", { method: "POST", body: "x=1", keepalive: true }) }); return true`,
		"a Blob at pagehide":         `addEventListener("pagehide", () => { fetch(api + "/public/upload?MARK", { method: "POST", body: new Blob(["{}"], { type: "application/json" }), keepalive: true }) }); return true`,
		"a Request at pagehide":      `addEventListener("pagehide", () => { fetch(new Request(api + "/public/upload?MARK", { method: "POST", body: "x=1", keepalive: true })) }); return true`,
		"sendBeacon, page then left": `return navigator.sendBeacon(api + "/public/upload?MARK", "x=1")`,
	} {
		leaves := name != "sendBeacon" && name != "sendBeacon of a Blob" && name != "fetch with keepalive"
		t.Run(name, func(t *testing.T) {
			arrived := map[string]string{}
			for way, p := range w.ways() {
				w.IDP.ClearRequests()
				back := w.AppURL + "/e2e/blank.html"
				if p == w.direct {
					back = w.sample.page
				}
				sent, err := tryEval[bool](p, w.names()+script)
				require.NoError(t, err, way)
				require.True(t, sent, way)
				if leaves {
					p.visit(back) // the app's next page; what leaves the app with its last page has no vault
				}
				deadline := fmt.Sprint(way, ": it did not arrive")
				if assert.Eventually(t, func() bool {
					for _, r := range w.calls() {
						if r.Path == "/public/upload" && r.Done {
							arrived[way] = fmt.Sprintln(r.Method, r.Query, r.BodySHA256, r.Header.Get("Content-Type"), r.Status)
							return true
						}
					}
					return false
				}, patience/6, 10e6, deadline) && p == w.through {
					token := ""
					for _, r := range w.calls() {
						token += r.Authorization
					}
					assert.NotEmpty(t, token, "it has the token")
				}
				p.visit(back)
			}
			assert.Equal(t, arrived["directly"], arrived["through the vault"])
		})
	}
}
