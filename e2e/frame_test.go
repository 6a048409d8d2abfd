package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// vaultFrame is the frame's element, in the page.
const vaultFrame = `document.querySelector("iframe[title='Token Vault']")`

func TestRemovedFrameEndsItsRequestsAndIsPutBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, script string }{
		{"removed", vaultFrame + `.remove()`},
		{"loaded anew by moving it", `const frame = ` + vaultFrame + `; document.body.append(frame)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.signInWithOIDC()
			s.startHeld(p)

			eval[any](p, tc.script)

			got := held(p)
			assert.Equal(t, reply{Status: 503, Error: "vault_unavailable", Message: got.Message}, got)
			assert.NotEmpty(t, got.Message)
			s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Aborted })
			s.IDP.SetFaults()
			s.mustServe(p)
			assert.Equal(t, 1, eval[int](p, `return document.querySelectorAll("iframe[title='Token Vault']").length`))
			s.canary(p)
		})
	}
}

// A request that waits for a token has had no effect yet: it goes to the frame that
// is put back.
func TestRequestThatWasNotSentGoesToTheNextFrame(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) { o.AccessTTL = 3 * time.Second })
	p := s.signInWithOIDC()
	untilExpired(p)
	until := make(chan struct{})
	defer close(until)
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultHold, Until: until, Times: 1})
	s.IDP.ClearRequests()
	eval[any](p, `window.held = `+asking(s.whoamiURL(), `{}`))
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Method == "POST" && !r.Done })

	eval[any](p, vaultFrame+`.remove()`)

	got := held(p)
	assert.Equal(t, reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}, got)
	assert.Len(t, s.calls(), 1, "it was sent once")
	s.canary(p)
}

func TestRemovedFrameEndsItsCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	until := make(chan struct{})
	defer close(until)
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointRefresh, Kind: devidp.FaultHold, Until: until})
	eval[any](p, `window.held = tokenvault.refresh("main").then(() => ({}), (error) => ({ thrown: error.name, code: error.code }))`)
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/token" && r.Method == "POST" && !r.Done })

	eval[any](p, vaultFrame+`.remove()`)

	assert.Equal(t, reply{Thrown: "TokenVaultError", Code: "vault_unavailable"}, held(p))
	assert.True(t, has(p), "the frame is back, with the tokens")
	s.canary(p)
}

// A request of another frame of the app goes through a page's vault frame; the
// page is closed under it.
func TestClosedPageEndsTheRequestsThatWentThroughItsFrame(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.signInWithOIDC()
	p := s.open("/e2e/plain.html")
	s.hold("/v1/json")
	eval[any](p, `
		const worker = new Worker(URL.createObjectURL(new Blob([
			"onmessage = async ({ data }) => postMessage(await fetch(data).then((r) => r.json(), (e) => ({ thrown: e.name })))",
		], { type: "text/javascript" })));
		window.held = new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data) });
		worker.postMessage(`+js(s.APIURL+"/v1/json")+`)`)
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Method == "GET" && !r.Done })

	first.visit("about:blank")

	assert.Equal(t, "vault_unavailable", held(p).Error)
	s.waitRequest(func(r devidp.Request) bool { return r.Path == "/v1/json" && r.Aborted })
}
