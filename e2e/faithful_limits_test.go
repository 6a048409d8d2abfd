package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatAnyServiceWorkerChanges has the differences that Chromium (156) makes in a
// page under any service worker, also under one that does no more than
// respondWith(fetch(request)). The vault has to be like that one, or better: like a
// direct request. A row whose first two agree is a difference that is gone: it belongs
// among the others then.
func TestWhatAnyServiceWorkerChanges(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	plain := newExistingWorker(t, asWritten)
	passing := plain.open("/e2e/blank.html")
	eval[any](passing, `await tokenvault.ready`)
	passingNames := observe + `const api = ` + js(plain.APIURL) + `;`

	for name, script := range map[string]string{
		// There are none: what is sent is sent by the worker.
		"XMLHttpRequest: events of an upload": `return new Promise((resolve) => {
			const request = new XMLHttpRequest(), seen = [];
			for (const event of ["loadstart", "progress", "load", "error", "loadend"]) request.upload.addEventListener(event, () => seen.push(event));
			request.open("POST", api + "/public/upload");
			request.onloadend = () => resolve([request.status, ...new Set(seen)]);
			request.send(new Blob([new Uint8Array(100000)]));
		})`,
		// An event "abort", where it would be "error".
		"XMLHttpRequest: a body that breaks off": `return new Promise((resolve) => {
			const request = new XMLHttpRequest(), seen = [];
			for (const event of ["load", "abort", "error", "loadend"]) request.addEventListener(event, () => seen.push(event));
			request.open("GET", api + "/public/drop?after=70000");
			request.responseType = "arraybuffer";
			request.onloadend = () => resolve([request.status, ...seen]);
			request.send();
		})`,
		// The beginning of a text waits until there is enough to tell its type, or its end,
		// since the worker's response does not say nosniff, as the API's does.
		"XMLHttpRequest: a text in parts": `
			const result = (async () => { ` + stepByXHR("text") + ` })();
			return result.then(() => "each part as it is sent", (error) => error.message)`,
		// The browser writes the header Last-Event-ID where no worker sees it.
		"EventSource: a stream that ends": `
			const source = new EventSource(steps + "?count=2"), seen = [];
			source.addEventListener("step", ({ lastEventId }) => {
				seen.push(lastEventId);
				ack(Number(lastEventId)).catch(() => source.close());
			});
			return new Promise((resolve) => {
				let ended = 0;
				source.onerror = () => {
					seen.push("error " + source.readyState);
					if (source.readyState === EventSource.CLOSED || ++ended > 1) resolve(seen);
				};
			}).finally(() => source.close())`,
		// It is closed for good.
		"EventSource: a stream that breaks off": `
			const source = new EventSource(api + "/public/cut");
			return new Promise((resolve) => { source.onerror = () => resolve("error " + source.readyState) }).finally(() => source.close())`,
		// As above: nosniff does not get through.
		"a style sheet of another type": `
			const element = Object.assign(document.createElement("link"), { rel: "stylesheet", href: api + "/public/text" });
			return new Promise((resolve) => {
				element.onload = () => resolve("load");
				element.onerror = () => resolve("error");
				document.head.append(element);
			})`,
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := evalBoth[any](t, w, stepping+script)
			worked, err := tryEval[any](passing, passingNames+stepping+script)
			require.NoError(t, err)
			t.Logf("directly: %v; under a worker: %v; through the vault: %v", direct, worked, through)
			assert.NotEqual(t, direct, worked, "the difference is gone")
			assert.Contains(t, []any{direct, worked}, through)
		})
	}
}
