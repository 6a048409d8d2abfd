package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
	"tokenvault/internal/protocol"
)

// uploadingBy are the ways in which a page sends the Blob body to url. Each becomes
// the digest that the API answers with, or the name of the error.
var uploadingBy = map[string]string{
	"fetch":                `fetch(url, { method: "POST", body }).then((response) => response.json()).then(({ sha256 }) => sha256, ({ name }) => name)`,
	"fetch with a Request": `fetch(new Request(url, { method: "POST", body })).then((response) => response.json()).then(({ sha256 }) => sha256, ({ name }) => name)`,
	"XMLHttpRequest": `new Promise((resolve) => {
		const request = new XMLHttpRequest();
		request.open("POST", url);
		request.responseType = "json";
		request.onload = () => resolve(request.response.sha256);
		request.onerror = () => resolve("TypeError"); // as fetch calls it
		request.send(body);
	})`,
}

// uploading is a script that sends three megabytes, and returns what the API answers.
func uploading(url, way string) string {
	return `const url = ` + js(url) + `;
		const part = new Uint8Array(1 << 20).map((_, i) => i * 31);
		const body = new Blob([part, part, part], { type: "image/png" });
		return ` + uploadingBy[way]
}

// uploaded is the digest of what uploading sends.
func uploaded() string {
	body := make([]byte, 3<<20)
	for i := range body {
		body[i] = byte(i % (1 << 20) * 31)
	}
	return bodyDigest(body)
}

func TestBlobArrivesWhereTheWorkerWasStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	for way := range uploadingBy {
		t.Run(way, func(t *testing.T) {
			s.stopWorker(p)
			assert.Equal(t, uploaded(), eval[string](p, uploading(s.APIURL+"/v1/upload", way)))
		})
	}
	s.canary(p)
}

func TestUploadsOfTheFirstScriptWaitForTheVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	other := s.open(s.early() + "&" + url.Values{"upload": {s.APIURL + "/v1/upload"}}.Encode())
	type answer struct {
		Status      int
		SHA256      string
		ContentType string `json:"content_type"`
	}
	assert.Equal(t, []answer{
		{200, hash("by fetch"), ""},
		{200, hash("by a Request"), ""},
		{200, hash("by XMLHttpRequest"), "a/b"},
	}, eval[[]answer](other, `return window.uploads`))
	s.mustServe(p)
	s.canary(other)
}

// What the page posts to the worker can be lost: with the worker that it was posted to.
func TestBlobArrivesWhereItsMessageIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	eval[any](p, `
		const post = ServiceWorker.prototype.postMessage;
		window.lost = [];
		ServiceWorker.prototype.postMessage = function (message, ...rest) {
			if (message.type === "upload") window.lost.push(message.body.size);
			else post.call(this, message, ...rest);
		}`)
	for way := range uploadingBy {
		t.Run(way, func(t *testing.T) {
			assert.Equal(t, uploaded(), eval[string](p, `window.lost.length = 0; `+uploading(s.APIURL+"/v1/upload", way)))
			assert.Equal(t, []int{3 << 20}, eval[[]int](p, `return window.lost`), "control: there was a message")
		})
	}
	s.canary(p)
}

// A worker that is stopped has sent the upload to the API already; the next one, which
// Chromium gives the request to, gets no message.
func TestBlobArrivesOnceMoreWhereTheWorkerIsStoppedUnderIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	const path = "/v1/upload"
	for way := range uploadingBy {
		t.Run(way, func(t *testing.T) {
			s.IDP.ClearRequests()
			release := s.hold(path)
			eval[any](p, `window.held = (async () => {`+uploading(s.APIURL+path, way)+`})()`)
			reached := func(r devidp.Request) bool { return r.Path == path && r.Method == http.MethodPost }
			s.waitRequest(func(r devidp.Request) bool { return reached(r) && !r.Done })
			s.killWorker(p)
			s.waitRequest(func(r devidp.Request) bool { return reached(r) && r.Aborted })
			s.waitRequest(func(r devidp.Request) bool { return reached(r) && !r.Done })
			release()
			assert.Equal(t, uploaded(), eval[string](p, `return window.held`))
		})
	}
	s.canary(p)
}

// The worker sends what was posted under a request's mark, whichever is there first,
// and the request's own body where nothing is. The marks here are the test's.
func TestWorkerSendsTheBlobThatWasPostedForARequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	script := func(steps string) string {
		return `
			const newMark = () => "upload-" + crypto.randomUUID(), mark = newMark();
			const tell = (message, ports = []) => navigator.serviceWorker.controller.postMessage({ tokenvault: ` + js(protocol.Version) + `, ...message }, ports);
			const post = (body, under = mark) => tell({ type: "upload", mark: under, body });
			const request = (under = mark) => fetch(` + js(s.APIURL+"/v1/upload#tokenvault-request-") + ` + under, { method: "POST", body: "its own" });
			// The worker takes messages one after the other.
			const heard = () => new Promise((resolve) => {
				const { port1, port2 } = new MessageChannel();
				port1.onmessage = resolve;
				tell({ type: "policy" }, [port2]);
			});
			// Another request waits in vain for as long as ours, and began later.
			const patienceOver = () => request(newMark());
			const response = await (async () => {` + steps + `})();
			return (await response.json()).sha256`
	}
	for name, tc := range map[string]struct{ steps, want string }{
		"posted before":          {`post(new Blob(["posted"])); await heard(); return request()`, "posted"},
		"posted after":           {`const response = request(); await heard(); post(new Blob(["posted"])); return response`, "posted"},
		"posted twice":           {`post(new Blob(["posted"])); post(new Blob(["again"])); return request()`, "posted"},
		"posted, long before":    {`post(new Blob(["posted"])); await patienceOver(); return request()`, "its own"}, // it was dropped
		"posted too late":        {`const response = request(); await patienceOver(); post(new Blob(["posted"])); return response`, "its own"},
		"not posted":             {`return request()`, "its own"},
		"no Blob":                {`post("a string"); return request()`, "its own"},
		"posted for another one": {`post(new Blob(["posted"]), "upload-of-another"); return request()`, "its own"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, hash(tc.want), eval[string](p, script(tc.steps)))
		})
	}
	s.canary(p)
}

// What the page watches is sent as what it does not: here a fetch without a signal and
// without a Blob, to a URL that is not on the list. The worker leaves it to the network;
// one that has just been started does not know the list, and sends it on.
func TestRequestWithABodyThatIsNotListedGoesOutAsItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	const options = `{ method: "PUT", headers: { "Content-Type": "a/b" }, referrer: "/somewhere", referrerPolicy: "unsafe-url", body: `
	for name, request := range map[string]string{
		"a Request with a string": `new Request(url, ` + options + `text })`,
		"a Request with a Blob":   `new Request(url, ` + options + `new Blob([text]) })`,
		"a Request with bytes":    `new Request(url, ` + options + `new TextEncoder().encode(text) })`,
		"a Blob":                  `url, ` + options + `new Blob([text], { type: "c/d" }) }`,
		"a signal":                `url, ` + options + `text, signal: new AbortController().signal }`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, stopped := range []bool{false, true} {
				if !stopped {
					s.wakeGo(p)
				}
				s.IDP.ClearRequests()
				for _, arguments := range []string{`url, ` + options + `text }`, request} {
					if stopped {
						s.stopWorker(p)
					}
					status := eval[int](p, `const text = "Grüße", url = `+js(s.APIURL+"/public/%75pload")+`; return (await fetch(`+arguments+`)).status`)
					require.Equal(t, 200, status)
				}
				calls := s.calls()
				require.Len(t, calls, 2)
				assert.Equal(t, hash("Grüße"), calls[1].BodySHA256)
				assert.Equal(t, calls[0].Header, calls[1].Header, "stopped before: %v", stopped)
				assert.Empty(t, calls[1].Query)
				assert.Empty(t, calls[1].Authorization)
			}
		})
	}
	s.canary(p)
}

// A user's file is read when it is sent. One that has changed since it was chosen is
// not sent.
func TestFileThatHasChangedIsANetworkFailure(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for way, send := range uploadingBy {
		t.Run(way, func(t *testing.T) {
			for name, p := range w.ways() {
				file := filepath.Join(t.TempDir(), "file.txt")
				require.NoError(t, os.WriteFile(file, []byte("as it was chosen"), 0o600))
				eval[any](p, `document.body.replaceChildren(Object.assign(document.createElement("input"), { type: "file" }))`)
				p.do(chromedp.SetUploadFiles(chromedp.CSS("input"), []string{file}))
				script := w.names() + `const url = api + "/public/upload", body = document.querySelector("input").files[0]; return ` + send
				require.Equal(t, hash("as it was chosen"), eval[string](p, script), name)
				require.NoError(t, os.WriteFile(file, []byte("as it is now, and longer"), 0o600))
				require.NoError(t, os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)))
				assert.Equal(t, "TypeError", eval[string](p, script), name)
			}
		})
	}
}
