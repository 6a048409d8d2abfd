package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// mostUnread is less than what may come in of a body that the app does not read. The
// vault holds six chunks of 2 MB at most: four in the worker or on the way to it, one
// that the worker passes on, one in the frame. The pipe behind the frame holds another
// 2 MB. 3 to 15 MB were seen.
const mostUnread = 16_000_000

// quiet is how long a server must not have been able to send for its stream to count
// as stalled. That nothing happens is the one thing that only time can show.
const quiet = time.Second

// stalled waits until a request that runs sends no more. It returns how much of what
// was sent the browser has taken, and how much lies in the system's buffers, which are
// as large as the system likes: tens of megabytes.
func (w *twoWays) stalled(t testing.TB, path string) (taken, queued int64) {
	t.Helper()
	var last devidp.Request
	var since time.Time
	require.Eventually(t, func() bool {
		for _, r := range w.calls() {
			if r.Path != path {
				continue
			}
			if r.Sent != last.Sent || since.IsZero() {
				last, since = r, time.Now()
			}
			return r.Sent > 0 && (r.Done || time.Since(since) > quiet)
		}
		return false
	}, patience, 10*time.Millisecond)
	queued = queuedAt(t, last.Peer)
	return last.Sent - queued, queued
}

// queuedAt returns the bytes in the system's buffers of a client's connection on
// loopback: those that the server has not sent and those that the client has not read
// (proc_net_tcp: tx_queue and rx_queue).
func queuedAt(t testing.TB, client string) (bytes int64) {
	t.Helper()
	_, text, err := net.SplitHostPort(client)
	require.NoError(t, err)
	port, err := strconv.ParseUint(text, 10, 16)
	require.NoError(t, err)
	suffix := fmt.Sprintf(":%04X", port)
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !(strings.HasSuffix(fields[1], suffix) || strings.HasSuffix(fields[2], suffix)) {
			continue
		}
		found++
		for queue := range strings.SplitSeq(fields[4], ":") {
			n, err := strconv.ParseInt(queue, 16, 64)
			require.NoError(t, err)
			bytes += n
		}
	}
	require.Equal(t, 2, found, "both ends of the connection are on this machine")
	return bytes
}

// TestUnreadBodyDoesNotComeIn compares what the browser takes of a body of which the app
// reads nothing. A response that says no-store is read no faster than the page reads it,
// so that those rows show what the vault holds. Of others Chromium itself reads 57 MB
// ahead, for the HTTP cache's sake, in each place where a response comes in: directly in
// the page, through the vault in the frame and once more in the page. It is not parallel:
// a machine that is busy looks like a stream that stalls.
func TestUnreadBodyDoesNotComeIn(t *testing.T) {
	w := newFaithful(t)
	const size = 200 << 20
	for _, tc := range []struct {
		query string
		ahead int64 // how many times what is taken directly the browser may read on top
	}{
		{"type=binary&no-store", 0},
		{"type=text&no-store", 0},
		{"type=binary", 2},
		{"type=text", 2},
	} {
		t.Run(tc.query, func(t *testing.T) {
			took := map[string]int64{}
			for name, p := range w.ways() {
				w.IDP.ClearRequests()
				eval[any](p, w.names()+fmt.Sprintf(`window.unread = (await fetch(api + "/public/big?%s&size=%d")).body.getReader()`, tc.query, size))
				taken, queued := w.stalled(t, "/public/big")
				t.Logf("%s: the stream stalled when the browser had taken %.1f MB; %.1f MB wait in the system", name, float64(taken)/(1<<20), float64(queued)/(1<<20))
				took[name] = taken

				// One that is read goes on, to the last byte.
				got := eval[int](p, `
					for (let length = 0;;) {
						const { done, value } = await window.unread.read();
						if (done) return length;
						length += value.length;
					}`)
				assert.Equal(t, size, got, name)
			}
			assert.Less(t, took["through the vault"], tc.ahead*took["directly"]+mostUnread)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		for name, p := range w.ways() {
			w.IDP.ClearRequests()
			eval[any](p, w.names()+fmt.Sprintf(`window.unread = (await fetch(api + "/public/big?size=%d")).body.getReader()`, size))
			w.stalled(t, "/public/big")
			eval[any](p, `await window.unread.cancel()`)
			w.awaitEnd(t, name, "/public/big")
		}
	})
}

// awaitEnd waits until the client of a request has left, and logs how long that took.
func (w *twoWays) awaitEnd(t testing.TB, name, path string) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := w.IDP.WaitRequest(ctx, func(r devidp.Request) bool { return r.Path == path && r.Method == "GET" && r.Aborted })
	if assert.NoError(t, err, "%s: the server was not told that nobody wants the answer", name) {
		t.Logf("%s: the upstream request ended after %v", name, time.Since(began).Round(time.Millisecond))
	}
}

// TestRequestThatNobodyWantsEndsUpstream has the app lose interest in each way there
// is, after the head of a response whose body does not end.
func TestRequestThatNobodyWantsEndsUpstream(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, tc := range []struct{ name, begin, leave string }{
		{"cancel of the body", `window.body = (await fetch(url)).body; `, `await body.cancel()`},
		{"cancel of the reader", `window.reader = (await fetch(url)).body.getReader(); await reader.read()`, `await reader.cancel()`},
		{"cancel while a read waits", `window.reader = (await fetch(url)).body.getReader(); await reader.read(); window.rest = reader.read()`, `await reader.cancel(); await rest`},
		{"break out of the loop", ``, `for await (const chunk of (await fetch(url)).body) break`},
		{"abort after the head", `
			window.controller = new AbortController();
			const response = await fetch(url, { signal: controller.signal });
			window.held = response.text().then(() => "text", (error) => error.name)`, `controller.abort(); return held`},
		{"abort with a read that waits", `
			window.controller = new AbortController();
			const reader = (await fetch(url, { signal: controller.signal })).body.getReader();
			await reader.read();
			window.held = reader.read().then(() => "read", (error) => error.name)`, `controller.abort(); return held`},
		{"abort with a reason", `
			window.controller = new AbortController();
			const reader = (await fetch(url, { signal: controller.signal })).body.getReader();
			await reader.read();
			window.held = reader.read().then(() => "read", String)`, `controller.abort("mine"); return held`},
		{"XMLHttpRequest.abort", `
			window.xhr = new XMLHttpRequest();
			xhr.open("GET", url);
			await new Promise((resolve) => { xhr.onprogress = resolve; xhr.send() })`, `
			const seen = [];
			for (const type of ["abort", "loadend", "error", "load"]) xhr.addEventListener(type, () => seen.push(type));
			xhr.abort();
			return [...seen, xhr.readyState, xhr.status].join()`},
		{"EventSource.close", `
			window.source = new EventSource(url);
			await new Promise((resolve) => source.addEventListener("tick", resolve))`, `source.close()`},
		{"a worker that is terminated", `
			window.worker = new Worker(URL.createObjectURL(new Blob(["onmessage = async ({ data }) => { const r = (await fetch(data)).body.getReader(); await r.read(); postMessage(1); await r.read() }"])));
			await new Promise((resolve) => { worker.onmessage = resolve; worker.postMessage(url) })`, `worker.terminate()`},
		{"a frame that is removed", `
			window.frame = document.createElement("iframe");
			frame.src = "/e2e/plain.html";
			await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame) });
			const r = (await frame.contentWindow.fetch(url)).body.getReader();
			await r.read()`, `frame.remove()`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results := map[string]any{}
			for name, p := range w.ways() {
				w.IDP.ClearRequests()
				script := w.names() + `const url = api + "/public/sse?count=100000&interval=20";`
				_, err := tryEval[any](p, script+tc.begin)
				require.NoError(t, err, name)
				if tc.begin != "" {
					w.running(t)
				}
				results[name], err = tryEval[any](p, script+tc.leave)
				require.NoError(t, err, name)
				w.awaitEnd(t, name, "/public/sse")
			}
			assert.Equal(t, results["directly"], results["through the vault"])
		})
	}
	const stream = `const url = api + "/public/sse?count=100000&interval=20"; window.reader = (await fetch(url)).body.getReader(); await reader.read()`
	for name, leave := range map[string]func(p *tab){
		"the tab is closed":          func(p *tab) { p.stop() },
		"another page":               func(p *tab) { p.visit("about:blank") },
		"another page of the app":    func(p *tab) { p.visit(w.AppURL + "/e2e/plain.html") },
		"the page again":             func(p *tab) { p.visit(w.AppURL + "/e2e/blank.html") },
		"the worker is stopped":      func(p *tab) { w.stopWorker(p) },
		"the vault's frame is taken": func(p *tab) { eval[any](p, vaultFrame+`.remove()`) },
	} {
		t.Run(name, func(t *testing.T) {
			p := w.open("/e2e/blank.html")
			eval[any](p, `await tokenvault.ready`)
			w.IDP.ClearRequests()
			eval[any](p, w.names()+stream)
			w.running(t)
			leave(p)
			w.awaitEnd(t, "through the vault", "/public/sse")
			p.stop()
		})
	}
}

// running waits for the stream to be there.
func (w *twoWays) running(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := w.IDP.WaitRequest(ctx, func(r devidp.Request) bool { return r.Path == "/public/sse" && r.Method == "GET" })
	require.NoError(t, err)
}

// requestWith makes a Request with a body, and aborts it.
func requestWith(body string) struct{ begin, abort string } {
	return struct{ begin, abort string }{
		`window.controller = new AbortController();
		 window.held = fetch(new Request(url, { method: "POST", body: ` + body + `, signal: controller.signal }))`,
		`controller.abort()`,
	}
}

// TestAbortBeforeTheHeadRejectsAtOnceAndEndsUpstream aborts while the API has not
// answered yet.
func TestAbortBeforeTheHeadRejectsAtOnceAndEndsUpstream(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const path = "/public/json"
	for name, tc := range map[string]struct{ begin, abort string }{
		"a signal": {
			`window.controller = new AbortController(); window.held = fetch(url, { signal: controller.signal })`,
			`controller.abort()`,
		},
		"a signal with a reason": {
			`window.controller = new AbortController(); window.held = fetch(url, { signal: controller.signal })`,
			`controller.abort(new RangeError("mine"))`,
		},
		"the signal of a Request": {
			`window.controller = new AbortController(); window.held = fetch(new Request(url, { signal: controller.signal }))`,
			`controller.abort()`,
		},
		"the signal beside a Request's": {
			`window.controller = new AbortController();
			 window.held = fetch(new Request(url, { signal: new AbortController().signal }), { signal: controller.signal })`,
			`controller.abort()`,
		},
		"any of two signals": {
			`window.controller = new AbortController();
			 window.held = fetch(url, { signal: AbortSignal.any([new AbortController().signal, controller.signal]) })`,
			`controller.abort()`,
		},
		"a POST": {
			`window.controller = new AbortController(); window.held = fetch(url, { method: "POST", body: "x", signal: controller.signal })`,
			`controller.abort()`,
		},
		"a Blob": {
			`window.controller = new AbortController(); window.held = fetch(url, { method: "POST", body: new Blob(["x"]), signal: controller.signal })`,
			`controller.abort()`,
		},
		"a Request with a string":   requestWith(`"x"`),
		"a Request with a Blob":     requestWith(`new Blob([new Uint8Array(1 << 20)])`),
		"a Request with a buffer":   requestWith(`new Uint8Array(1 << 20)`),
		"a Request with a form":     requestWith(`new URLSearchParams("a=b")`),
		"a Request with a FormData": requestWith(`(() => { const form = new FormData(); form.append("f", new Blob(["x"]), "f"); return form })()`),
		"a Request with another's body": {
			`window.controller = new AbortController();
			 window.held = fetch(new Request(new Request(url, { method: "PUT", body: "x" }).clone(), { signal: controller.signal }))`,
			`controller.abort()`,
		},
		"XMLHttpRequest, a Blob": {
			`window.xhr = new XMLHttpRequest();
			 xhr.open("POST", url);
			 window.held = new Promise((_, reject) => { xhr.onabort = () => reject(new Error("aborted")) });
			 xhr.send(new Blob(["x"]))`,
			`xhr.abort()`,
		},
		"XMLHttpRequest": {
			`window.xhr = new XMLHttpRequest();
			 xhr.open("GET", url);
			 window.held = new Promise((_, reject) => { xhr.onabort = () => reject(new Error("aborted")) });
			 xhr.send()`,
			`xhr.abort()`,
		},
		"XMLHttpRequest, timeout": {
			`window.xhr = new XMLHttpRequest();
			 xhr.open("GET", url);
			 window.held = new Promise((_, reject) => { xhr.ontimeout = () => reject(new Error("timed out")) });
			 xhr.send()`,
			`xhr.timeout = 1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			results := map[string]string{}
			for way, p := range w.ways() {
				w.hold(path)
				w.IDP.ClearRequests()
				script := w.names() + `const url = api + ` + js(path) + `;`
				_, err := tryEval[any](p, script+tc.begin+`; held.catch(() => {}); return null`)
				require.NoError(t, err, way)
				reached := func(r devidp.Request) bool { return r.Path == path && r.Method != "OPTIONS" }
				w.waitRequest(func(r devidp.Request) bool { return reached(r) && !r.Done })
				results[way], err = tryEval[string](p, tc.abort+`; return held.then(() => "an answer", String)`)
				require.NoError(t, err, way)
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), patience/6)
				_, err = w.IDP.WaitRequest(ctx, func(r devidp.Request) bool { return reached(r) && r.Aborted })
				cancel()
				if assert.NoError(t, err, "%s: the server was not told", way) {
					t.Logf("%s: the upstream request ended after %v", way, time.Since(began).Round(time.Millisecond))
				}
				w.IDP.SetFaults()
			}
			assert.Equal(t, results["directly"], results["through the vault"])
		})
	}
}
