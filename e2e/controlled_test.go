package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// servedByWorker makes a request in the page and reports whether the browser got
// the response from a service worker.
func servedByWorker(p *tab, url string) bool {
	p.t.Helper()
	call(p, network.Enable, network.EnableParams{})
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	served := make(chan bool, 1)
	require.NoError(p.t, chromedp.Listen(ctx, func(event any) {
		if event, ok := event.(*network.EventResponseReceived); ok && event.Response.URL == url {
			served <- event.Response.FromServiceWorker
		}
	}))
	eval[any](p, `await (await fetch(`+js(url)+`)).text()`)
	select {
	case byWorker := <-served:
		return byWorker
	case <-time.After(patience):
		p.t.Fatal("the browser told of no response")
		return false
	}
}

func TestUnprotectedRequestsAreLeftToTheBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.mustServe(p)
	for name, url := range map[string]string{
		"the app's own origin":            s.AppURL + "/demo/config.json?plain",
		"an unprotected path of the API":  s.APIURL + "/public/json?plain",
		"the authorization server's keys": s.AuthURL + "/jwks?plain",
	} {
		assert.False(t, servedByWorker(p, url), name)
	}
	assert.True(t, servedByWorker(p, s.APIURL+"/v1/json?plain"), "control: a protected path")
	s.canary(p)
}

// What is not for the vault does not even wake the worker (static routes); what a
// server may read as one of ours does, and gets the vault's error.
func TestUnprotectedRequestsDoNotWakeTheWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.mustServe(p)
	status := func(url string) int {
		return eval[int](p, `return (await fetch(`+js(url)+`)).status`)
	}
	s.stopWorker(p)
	for _, url := range []string{
		s.AppURL + "/demo/config.json?plain", s.APIURL + "/public/json?/v1/json", s.AuthURL + "/jwks#/token",
	} {
		assert.Equal(t, 200, status(url), url)
	}
	assert.Empty(t, s.targets("service_worker", s.AppURL))
	for path, want := range map[string]int{"/v1/json": 200, "/public/..%2fv1/json": 403, "//v1/json": 403, "/v1;a/json": 403} {
		assert.Equal(t, want, status(s.APIURL+path), path)
		s.stopWorker(p) // it runs
	}
}

// The vault keeps out of the browser's cache, which the app shares, and Chromium then
// asks for leave (CORS) each time; unless the server lets nothing be stored anyway.
func TestLeaveIsAskedOnceWhereNothingMayBeStored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	preflights := func(path string) (count int) {
		s.IDP.ClearRequests()
		eval[any](p, `for (let i = 0; i < 6; i++) await (await fetch(`+js(s.APIURL+path)+`)).arrayBuffer()`)
		for _, request := range s.IDP.Requests() {
			if request.Method == "OPTIONS" {
				count++
			}
		}
		return count
	}
	assert.LessOrEqual(t, preflights("/v1/json"), 2, "no-store")
	assert.Equal(t, 6, preflights("/v1/file"), "control: what may be stored")
	s.canary(p)
}

func TestXMLHttpRequestGetsAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	got := eval[reply](p, `
		const request = new XMLHttpRequest();
		request.open("GET", `+js(s.whoamiURL())+`);
		await new Promise((resolve) => { request.onloadend = resolve; request.send() });
		return { ...JSON.parse(request.responseText), status: request.status }`)
	assert.Equal(t, reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}, got)
	s.canary(p)
}

// Chromium does not show synchronous requests to the worker, although the Fetch
// standard has it so. The control makes one that the client does not see.
func TestSynchronousRequestIsRefusedForItWouldGoPastTheVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.mustServe(p)
	s.IDP.ClearRequests()
	thrown := eval[[]string](p, `
		return `+js([]string{s.whoamiURL(), s.AuthURL + "/token"})+`.map((url) => {
			const request = new XMLHttpRequest();
			try { request.open("POST", url, false); request.send(); return "sent" } catch (error) { return error.name }
		})`)
	assert.Equal(t, []string{"InvalidAccessError", "InvalidAccessError"}, thrown)
	assert.Empty(t, s.IDP.Requests())
	status := eval[int](p, `
		const request = new XMLHttpRequest();
		request.open("GET", "/demo/config.json", false);
		request.send();
		return request.status`)
	assert.Equal(t, 200, status, "other origins are left alone")

	status = eval[int](p, `
		const frame = document.createElement("iframe");
		frame.src = "/e2e/plain.html";
		await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame) });
		const request = new frame.contentWindow.XMLHttpRequest();
		request.open("GET", `+js(s.whoamiURL())+`, false);
		request.send();
		return request.status`)
	assert.Equal(t, 401, status, "control: the API says that no token came")
	s.canary(p)
}

func TestChildFrameAndWorkerUseThePagesVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	want := reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}

	got := eval[reply](p, `
		const frame = document.createElement("iframe");
		frame.src = "/e2e/plain.html";
		await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame) });
		const { fetch } = frame.contentWindow;
		return `+asking(s.whoamiURL(), `{}`))
	assert.Equal(t, want, got, "a child frame")

	worker := `onmessage = async ({ data }) => postMessage(await fetch(data).then(
		async (response) => ({ ...await response.json(), status: response.status }),
		(error) => ({ thrown: error.name })))`
	got = eval[reply](p, `
		const worker = new Worker(URL.createObjectURL(new Blob([`+js(worker)+`], { type: "text/javascript" })));
		const answer = new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data) });
		worker.postMessage(`+js(s.whoamiURL())+`);
		return answer`)
	assert.Equal(t, want, got, "a dedicated worker")
	s.canary(p)
}

func TestPageInASubfolderIsServedLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signInWithOIDC()
	p := s.open("/e2e/deep/er/?q=1#fragment")
	assert.Equal(t, "/e2e/deep/er/", eval[string](p, `return location.pathname`))
	s.mustServe(p)
	s.canary(p)
}
