package e2e

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
	"tokenvault/internal/policy"
	"tokenvault/static"
)

// early is the path of a page that makes requests with its first script.
func (s *site) early() string {
	return "/e2e/early.html?" + url.Values{"get": {s.whoamiURL()}, "token": {s.AuthURL + "/token"}}.Encode()
}

// mustHaveGoneByTheVault checks the requests of the page early: to the API, to
// the token endpoint, and to the API by XMLHttpRequest.
func (s *site) mustHaveGoneByTheVault(p *tab, signedIn bool) {
	s.t.Helper()
	early := eval[[]reply](p, `return window.early`)
	require.Len(s.t, early, 3)
	if signedIn {
		assert.Equal(s.t, reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}, early[0])
		assert.Equal(s.t, 200, early[2].Status)
	} else {
		assert.Equal(s.t, "not_signed_in", early[0].Error, "%+v", early[0])
		assert.Equal(s.t, 400, early[2].Status)
		assert.Empty(s.t, s.calls(), "a request went out without a token")
	}
	assert.Equal(s.t, 400, early[1].Status, "%+v", early[1])
	tokenRequests := 0
	for _, request := range s.IDP.Requests() {
		if request.Path == "/token" && request.Method == "POST" {
			tokenRequests++
			assert.Equal(s.t, s.VaultURL, request.Header.Get("Origin"), "a token request went past the vault")
		}
	}
	assert.Equal(s.t, 1, tokenRequests)
	assert.True(s.t, eval[bool](p, `return navigator.serviceWorker.controller !== null`), "the page is under control")
}

func TestRequestsOfTheFirstScriptOfTheFirstLoadWaitForTheVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open(s.early())
	assert.False(t, eval[bool](p, `return window.controlledAtStart`))
	s.mustHaveGoneByTheVault(p, false)
	assert.True(t, eval[bool](p, `return XMLHttpRequest.prototype.abort.toString().includes("[native code]")`), "the original is back")
}

func TestHardReloadIsControlledAgainAndHoldsItsFirstRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signInWithOIDC()
	s.IDP.ClearRequests()
	p := s.open(s.early())
	s.mustHaveGoneByTheVault(p, true)
	s.IDP.ClearRequests()
	eval[any](p, `window.old = true`)

	ignore := true
	call(p, page.Reload, page.ReloadParams{IgnoreCache: &ignore})
	p.until(`window.old === undefined && window.early !== undefined`)

	assert.False(t, eval[bool](p, `return window.controlledAtStart`), "control: a hard reload is not under control")
	s.mustHaveGoneByTheVault(p, true)
	s.mustServe(p)
	s.canary(p)
}

func TestSecondTabHoldsItsFirstRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.IDP.ClearRequests()
	other := s.open(s.early())
	assert.True(t, eval[bool](other, `return window.controlledAtStart`))
	s.mustHaveGoneByTheVault(other, true)
	s.mustServe(p)
	s.canary(other)
}

// The worker of the deployment before leaves a new endpoint alone: a token request
// of the new page would bring the tokens into it.
func TestPageOfANewDeploymentWaitsForItsWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	const path = "/am/oauth2/realms/root/realms/alpha/access_token"
	passed := func() (origins []string) {
		for _, request := range s.IDP.Requests() {
			if request.Path == path && request.Method == "POST" {
				origins = append(origins, request.Header.Get("Origin"))
			}
		}
		return origins
	}
	eval[any](p, `await fetch(`+js(s.AuthURL+path)+`, { method: "POST" })`)
	require.Equal(t, []string{s.AppURL}, passed(), "control: the old worker leaves this endpoint alone")

	require.NoError(t, s.Deploy(p.ctx, func(c *demo.Configuration) { c.Clients[1].PingAM.RealmPath = "alpha" }))
	s.IDP.ClearRequests()
	other := s.open("/e2e/early.html?" + url.Values{"get": {s.whoamiURL()}, "token": {s.AuthURL + path}}.Encode())
	assert.True(t, eval[bool](other, `return window.controlledAtStart`), "the page begins with the old worker")
	early := eval[[]reply](other, `return window.early`)
	assert.Equal(t, "invalid_request", early[1].Error, "the vault refused a token request of another client: %+v", early[1])
	assert.Equal(t, reply{Status: 200, Token: hash(s.token(devidp.AccessToken))}, early[0])
	assert.Empty(t, passed())
	s.canary(other)
}

// An app's own worker that never takes over: nothing goes past the vault meanwhile.
func TestWorkerOfAnotherPolicyThatStaysIsAClearError(t *testing.T) {
	t.Parallel()
	w, p := newWorkerBeforeTheVault(t)

	w.deployWorker("after")
	p.visit(w.AppURL + w.early())
	for _, got := range eval[[]reply](p, `return window.early`)[:2] {
		assert.Equal(t, "worker_unavailable", got.Code, "%+v", got)
		assert.Contains(t, got.Message, "skipWaiting")
	}
	assert.Empty(t, w.calls(), "a request went past the vault")
	for _, request := range w.IDP.Requests() {
		assert.NotEqual(t, "/token", request.Path, "a token request went past the vault")
	}
}

func TestHeldRequestCanBeAborted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, s.StopVault())
	p := s.open("/e2e/blank.html")
	thrown := eval[[]string](p, `
		const controller = new AbortController();
		const url = `+js(s.whoamiURL())+`;
		const requests = [fetch(url, { signal: controller.signal }), fetch(new Request(url, { signal: controller.signal }))];
		const late = fetch(url, { signal: AbortSignal.abort() });
		controller.abort();
		const outcomes = await Promise.allSettled([...requests, late]);
		return outcomes.map(({ reason }) => reason?.name ?? "none")`)
	assert.Equal(t, []string{"AbortError", "AbortError", "AbortError"}, thrown)
	assert.Empty(t, s.calls())
}

func TestVaultThatIsDownAtLoadIsAClearErrorUntilItIsBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		path func(*site) string
	}{
		{"first load", func(s *site) string { return s.early() }},
		{"later load", func(s *site) string {
			s.signInWithOIDC()
			s.IDP.ClearRequests()
			return s.early()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			path := tc.path(s)
			require.NoError(t, s.StopVault())
			p := s.open(path)

			start := time.Now()
			code := eval[string](p, `return tokenvault.ready.then(() => "ready", (error) => error.code)`)
			assert.Equal(t, "vault_unavailable", code)
			assert.Less(t, time.Since(start), 15*time.Second)
			for _, got := range eval[[]reply](p, `return window.early`)[:2] {
				assert.Equal(t, "TokenVaultError", got.Thrown)
				assert.Equal(t, "vault_unavailable", got.Code)
				assert.Contains(t, got.Message, s.VaultURL)
			}
			for _, script := range []string{`tokenvault.has("main")`, `tokenvault.refresh("main")`, `tokenvault.logout("main")`, `tokenvault.remove("main")`} {
				assert.Equal(t, "vault_unavailable", eval[string](p, `return `+script+`.then(() => "done", (error) => error.code)`), script)
			}
			assert.Empty(t, s.calls(), "a request went out without a token")
			for _, request := range s.IDP.Requests() {
				assert.NotEqual(t, "/token", request.Path, "a token request went past the vault")
			}

			require.NoError(t, s.StartVault(context.Background()))
			p.until(`(window.again ??= tokenvault.ready.then(() => { window.works = true }, () => { delete window.again })) && window.works === true`)
			if tc.name == "first load" {
				s.mustRefuse(p, 400, "not_signed_in")
				return
			}
			s.mustServe(p)
			s.canary(p)
		})
	}
}

func TestVaultServerThatGoesDownAfterLoadIsNotMissed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	require.NoError(t, s.StopVault())
	s.mustServe(p)
	s.IDP.RevokeAccess()
	s.mustServe(p)
	assert.Equal(t, 1, s.IDP.Stats().Refreshes)
	s.canary(p)
}

// The frame answers, but its program cannot run.
func TestVaultWhoseProgramCannotStartIsAClearError(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) {
		o.VaultOptions = []static.Option{static.InsecureOverrideHeader("Content-Security-Policy", "default-src 'self'")}
	})
	p := s.open("/e2e/blank.html")
	p.until(`(window.asked ??= tokenvault.ready.then(() => { delete window.asked }, (error) => { window.code = error.code })) && window.code !== undefined`)
	assert.Equal(t, "vault_unavailable", eval[string](p, `return window.code`))
	got := s.ask(p)
	assert.Equal(t, "vault_unavailable", got.Code+got.Error, "%+v", got)
	assert.Empty(t, s.calls())
}

// serveVault serves the vault's files in place of the site's own server, after
// change has gone over them.
func (s *site) serveVault(change func(files fstest.MapFS)) {
	s.t.Helper()
	host := strings.TrimPrefix(s.VaultURL, "http://")
	address := strings.Replace(host, "vault.example.localhost", "127.0.0.1", 1) // only browsers know the name
	files := fstest.MapFS{}
	for _, file := range s.Build.Files {
		name, ours := strings.CutPrefix(file.Path, "vault/")
		if !ours || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") || name == "_headers" {
			continue
		}
		request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+address+"/"+name, http.NoBody)
		require.NoError(s.t, err)
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		require.NoError(s.t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(s.t, errors.Join(err, response.Body.Close()))
		require.Equal(s.t, http.StatusOK, response.StatusCode, name)
		files[name] = &fstest.MapFile{Data: content}
	}
	change(files)
	table, err := policy.Decode(s.Build.Table)
	require.NoError(s.t, err)
	require.NoError(s.t, s.StopVault())
	listener, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", address)
	require.NoError(s.t, err)
	server := &http.Server{Handler: static.VaultHandler(table, files), ReadHeaderTimeout: patience}
	s.t.Cleanup(func() { assert.NoError(s.t, server.Close()) })
	go func() { _ = server.Serve(listener) }() // ends with Close
}

// A binary that would run, but is not the one that was built.
func TestAlteredBinaryOfTheVaultDoesNotRun(t *testing.T) {
	t.Parallel()
	for name, addition := range map[string]string{
		"control: as it was built": "",
		"with a section more":      "\x00\x02\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.serveVault(func(files fstest.MapFS) {
				for name, file := range files {
					if strings.HasSuffix(name, ".wasm") {
						file.Data = append(file.Data, addition...)
					}
				}
			})
			p := s.open("/e2e/blank.html")
			got := eval[reply](p, `return tokenvault.has("main").then(() => ({ status: 200 }), (error) => ({ code: error.code, message: error.message }))`)
			if addition == "" {
				assert.Equal(t, 200, got.Status, "%+v", got)
				return
			}
			assert.Equal(t, "vault_unavailable", got.Code, "%+v", got)
			assert.Contains(t, got.Message, "is not the file that was built")
		})
	}
}

// The binary comes from the server once: the vault origin keeps it.
func TestBinaryOfTheVaultIsKept(t *testing.T) {
	t.Parallel()
	const has = `return tokenvault.has("main").then(() => "starts", (error) => error.code + ": " + error.message)`
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	load := func() string {
		_, err := chromedp.Call(p.ctx, network.ClearBrowserCache, cdp.Empty{})
		require.NoError(t, err)
		p.visit(s.AppURL + "/e2e/blank.html")
		return eval[string](p, has)
	}
	inFrame := func(script string) {
		frame, found := s.frameOf(p)
		require.True(t, found)
		eval[any](frame, `
			const kept = async () => (await (await caches.match(wasm))?.arrayBuffer())?.byteLength ?? 0;
			while (await kept() < 1e6) await new Promise((resolve) => setTimeout(resolve, 20));
			`+script)
	}
	require.Equal(t, "starts", eval[string](p, has))

	t.Log("one that is damaged is replaced")
	inFrame(`await (await caches.open("tokenvault-wasm")).put(wasm, new Response("damaged", { headers: { "content-type": "application/wasm" } }))`)
	require.Equal(t, "starts", load())
	inFrame("")

	t.Log("a server that lost it is not asked")
	s.serveVault(func(files fstest.MapFS) {
		maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, ".wasm") })
	})
	require.Equal(t, "starts", load())

	t.Log("control: nor is there another copy")
	inFrame(`await caches.delete("tokenvault-wasm")`)
	got := load()
	require.Contains(t, got, "vault_unavailable")
	require.Contains(t, got, "is not there, or is not the file that was built")
}

func TestVersionMismatchIsAClearError(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/plain.html")
	eval[any](p, `
		const script = await (await fetch("/tokenvault.js")).text();
		const other = script.replace('"protocol":1', '"protocol":999');
		if (other === script) throw new Error("the script has no protocol to replace");
		(0, eval)(other)`)
	got := eval[reply](p, `return tokenvault.ready.then(() => ({}), (error) => ({ thrown: error.name, code: error.code, message: error.message }))`)
	assert.Equal(t, "version_mismatch", got.Code, "%+v", got)
	assert.Contains(t, got.Message, "build")
	got = s.ask(p)
	assert.Equal(t, "version_mismatch", got.Code, "%+v", got)
	assert.Empty(t, s.calls())
}

func TestPageThatComesBackFromTheBackForwardCacheWorks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signInWithOIDC()
	s.mustServe(p)
	eval[any](p, `addEventListener("pageshow", (event) => { window.persisted = event.persisted })`)
	p.visit(s.AppURL + "/e2e/plain.html")
	restored := make(chan struct{}, 1)
	require.NoError(t, chromedp.Listen(p.ctx, func(event any) {
		if event, ok := event.(*page.EventFrameNavigated); ok && event.Type == page.NavigationTypeBackForwardCacheRestore && event.Frame.ParentID == "" {
			restored <- struct{}{}
		}
	}))
	eval[any](p, `history.back()`)
	select {
	case <-restored:
	case <-time.After(patience):
		t.Fatal("the page did not come from the back/forward cache")
	}
	require.Eventually(t, func() bool {
		// A script that the browser took just before the change has no answer.
		ctx, cancel := context.WithTimeout(p.ctx, time.Second)
		defer cancel()
		persisted, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.persisted === true`))
		return err == nil && persisted
	}, patience, 20*time.Millisecond)
	s.mustServe(p)
	s.canary(p)
}

// A page that is left while its vault frame creates the database must not keep
// the next page from it: the usual start of a redirect to the sign-in form. When
// exactly the frame does that is not to be seen from here, hence several tries.
func TestPageThatIsLeftAtOnceDoesNotBlockTheNext(t *testing.T) {
	t.Parallel()
	for range 6 {
		s := newSite(t)
		metadata := s.AuthURL + "/.well-known/openid-configuration"
		p := s.open("/e2e/blank.html")
		eval[any](p, `await fetch(`+js(metadata)+`); setTimeout(() => { location.href = `+js(metadata)+` })`)
		p.until(`location.href === ` + js(metadata))
		p.visit(s.AppURL + "/e2e/blank.html")
		assert.False(t, has(p))
		p.stop()
	}
}
