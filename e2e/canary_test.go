package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// secretKinds are the tokens that may be nowhere in the app origin. Codes and
// id_tokens are not among them: where the app signs in, it takes part in that.
var secretKinds = []devidp.TokenKind{devidp.AccessToken, devidp.RefreshToken}

// isSecret reports whether the app may not know a token: none where the vault signs in.
func isSecret(token devidp.IssuedToken) bool {
	return token.ClientID == demo.VaultedClientID || slices.Contains(secretKinds, token.Kind)
}

// needles returns what the canary searches for, by a name. Parts of tokens and
// not whole ones, because a heap snapshot cuts long strings, and because a part
// of a token is a leak too. The beginning of a JWT is left out: an id_token may
// begin likewise.
func (s *site) needles() map[string]string {
	found := map[string]string{}
	for _, token := range s.IDP.Issued() {
		if !isSecret(token) {
			continue
		}
		addNeedles(found, token.Kind.String()+" token", token.Value)
		if token.Verifier != "" {
			addNeedles(found, "code verifier", token.Verifier)
		}
	}
	if s.certified != nil {
		s.certified.addNeedles(found, s.VaultURL)
	}
	return found
}

// addNeedles adds the parts of a token that tell it.
func addNeedles(found map[string]string, name, token string) {
	parts := strings.Split(token, ".")
	if last := parts[len(parts)-1]; last != "" { // a token that is not signed ends in nothing
		found[last[:min(32, len(last))]] = name
	}
	if len(parts) == 3 {
		found[parts[1][len(parts[1])-32:]] = name + " (claims)"
	}
}

// canary fails the test if a token is anywhere in what the app origin can read:
// the heaps of the page and of its worker, the memory of their processes (with
// WebAssembly memories and all buffers, which a heap snapshot lacks), every
// storage, the console, the URLs, and the resource timings.
//
// It never sends a needle to the browser, where it would find it again.
func (s *site) canary(p *tab) {
	s.t.Helper()
	needles := s.needles()
	require.NotEmpty(s.t, needles, "no token was issued: there is nothing to search for")
	for _, leak := range s.leaks(p, needles) {
		s.t.Errorf("canary: %s", leak)
	}
}

// canaryAfterSignOut is the canary for a tab that was at the server's end-session page,
// with an id_token in its URL as a hint.
func (s *site) canaryAfterSignOut(p *tab) {
	s.t.Helper()
	needles := s.needles()
	maps.DeleteFunc(needles, func(_, name string) bool {
		return strings.Contains(name, "id token") || strings.Contains(name, "id_token")
	})
	require.NotEmpty(s.t, needles, "no token was issued: there is nothing to search for")
	assert.Empty(s.t, s.leaks(p, needles))
}

// ofServersURLs reports whether a needle stands in the URLs of the server's own pages,
// as state does. Such a page may have had the process of the app's page before it:
// browsers give one to all pages of a site.
func ofServersURLs(name string) bool {
	return slices.ContainsFunc(urlParameters, func(parameter string) bool { return strings.HasSuffix(name, " "+parameter) })
}

var urlParameters = []string{"state", "nonce", "code_challenge", "request_uri", "id_token_hint"}

// leaks lists where needles were found.
func (s *site) leaks(p *tab, needles map[string]string) []string {
	s.t.Helper()
	var found []string
	search := func(place, text string) {
		for needle, name := range needles {
			if strings.Contains(text, needle) {
				found = append(found, name+" in "+place)
			}
		}
	}
	look := func(place string, at *tab) {
		search(place+": heap", heapOf(at))
		search(place+": console", strings.Join(at.Console(), "\n"))
	}
	look("page", p)
	workers := s.workers(p)
	for _, worker := range workers {
		look("worker", worker)
	}
	require.NotEmpty(s.t, workers, "no service worker runs: the canary would look at half of the app")
	inMemory := maps.Clone(needles)
	maps.DeleteFunc(inMemory, func(_, name string) bool { return ofServersURLs(name) })
	for _, name := range searchProcesses(append(workers, p), inMemory) {
		found = append(found, name+" in the memory of the app's process")
	}
	p.mu.Lock()
	others := []string{s.VaultURL, s.AuthURL}
	if s.certified != nil {
		others = append(others, s.certified.Issuer)
	}
	for _, url := range p.urls {
		// What is in the address bar of others, the app cannot read.
		if !slices.ContainsFunc(others, func(origin string) bool { return strings.HasPrefix(url, origin) }) {
			search("URLs", url)
		}
	}
	p.mu.Unlock()
	search("storage", eval[string](p, `const deployed = `+js(s.deployed())+`;`+storageScript))
	return found
}

// storageScript collects everything that the origin stores, and the URLs that
// the page's timeline knows.
const storageScript = `
	const found = [document.cookie, location.href, document.documentElement.outerHTML];
	found.push(JSON.stringify(localStorage), JSON.stringify(sessionStorage));
	found.push(...performance.getEntries().map((entry) => entry.name));
	for (const { name } of await indexedDB.databases()) {
		const database = await new Promise((resolve, reject) => {
			const request = indexedDB.open(name);
			request.onsuccess = () => resolve(request.result);
			request.onerror = () => reject(request.error);
		});
		for (const store of database.objectStoreNames) {
			found.push(name + store + JSON.stringify(await new Promise((resolve, reject) => {
				const request = database.transaction(store).objectStore(store).getAll();
				request.onsuccess = () => resolve(request.result);
				request.onerror = () => reject(request.error);
			})));
		}
		database.close();
	}
	for (const name of await caches.keys()) {
		const cache = await caches.open(name);
		for (const request of await cache.keys()) {
			const response = await cache.match(request);
			const body = await response.arrayBuffer();
			const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex();
			found.push(name, request.url, deployed.includes(digest) ? digest : new TextDecoder("latin1").decode(body));
		}
	}
	return found.join("\n");`

// deployed lists the SHA-256 of each file of the deployment: the binary in the
// cache need not come here to be searched.
func (s *site) deployed() []string {
	sums := []string{}
	if s.Build == nil {
		return sums // served by the command: all of it is searched
	}
	for _, file := range s.Build.Files {
		sums = append(sums, file.SHA256)
	}
	return sums
}

// heapOf takes a heap snapshot, which has every string of the target's scripts.
func heapOf(p *tab) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var snapshot strings.Builder
	require.NoError(p.t, chromedp.Listen(ctx, func(event any) {
		if chunk, ok := event.(*heapprofiler.EventAddHeapSnapshotChunk); ok {
			snapshot.WriteString(chunk.Chunk)
		}
	}))
	call(p, heapprofiler.TakeHeapSnapshot, heapprofiler.TakeHeapSnapshotParams{})
	require.NotEmpty(p.t, snapshot.String(), "the heap snapshot is empty")
	return snapshot.String()
}

func TestCanaryFindsPlantedTokens(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, plant, place string }{
		{"in the page's heap", `window.planted = { reply: JSON.stringify({ access_token: token }) }`, "page: heap"},
		{"in a closure", `window.planted = ((hidden) => () => hidden.length)(token + "!")`, "page: heap"},
		{"in a buffer", `window.planted = new TextEncoder().encode(token)`, "the memory of the app's process"},
		{"in WebAssembly memory", `
			window.planted = new WebAssembly.Memory({ initial: 1 });
			new TextEncoder().encodeInto(token, new Uint8Array(planted.buffer, 100))`, "the memory of the app's process"},
		{"on the console", `console.log("got", token)`, "page: console"},
		{"in localStorage", `localStorage.planted = token`, "storage"},
		{"in IndexedDB", `
			const database = await new Promise((resolve) => {
				const request = indexedDB.open("planted", 1);
				request.onupgradeneeded = () => request.result.createObjectStore("s", { autoIncrement: true });
				request.onsuccess = () => resolve(request.result);
			});
			const transaction = database.transaction("s", "readwrite");
			transaction.objectStore("s").add({ token });
			await new Promise((resolve) => { transaction.oncomplete = resolve });
			database.close()`, "storage"},
		{"in Cache Storage", `await (await caches.open("planted")).put("/planted", new Response(token))`, "storage"},
		{"in a cookie", `document.cookie = "planted=" + token`, "storage"},
		{"in the URL", `history.replaceState(null, "", "#" + token)`, "storage"},
		{"in the worker", ``, "worker: heap"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.open("/e2e/blank.html")
			eval[any](p, `await tokenvault.ready`)
			t.Cleanup(func() { eval[any](p, `document.cookie = "planted=; max-age=0"`) }) // cookies know no ports
			planted := strings.Repeat("planted-token-", 3) + "0123456789"
			if strings.HasPrefix(tc.place, "worker") {
				workers := s.workers(p)
				require.Len(t, workers, 1)
				eval[any](workers[0], `self.planted = { token: `+js(planted)+` }`)
			}
			eval[any](p, `const token = `+js(planted)+`; `+tc.plant)
			needles := map[string]string{planted[8:40]: "planted token"}
			assert.Contains(t, strings.Join(s.leaks(p, needles), "\n"), "planted token in "+tc.place)
		})
	}
}

// What the vault's sign-in has made is found as well, each by its name.
func TestCanaryFindsPlantedSecretsOfASignIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	s.canary(p)
	for _, token := range s.IDP.Issued() {
		planted := map[string]string{token.Kind.String() + " token": token.Value}
		if token.Kind == devidp.CodeToken {
			planted["code verifier"] = token.Verifier
		}
		for name, value := range planted {
			require.NotEmpty(t, value, name)
			eval[any](p, `localStorage.planted = `+js(value))
			assert.Contains(t, strings.Join(s.leaks(p, s.needles()), "\n"), name+" in storage")
		}
	}
}

// workers attaches to the running service workers of the app. The tab's end
// detaches; to cancel earlier would stop the worker.
func (s *site) workers(p *tab) []*tab {
	s.t.Helper()
	var workers []*tab
	for _, info := range s.targets("service_worker", s.AppURL) {
		workers = append(workers, s.attach(p, info))
	}
	return workers
}

// decode reads JSON.
func decode[T any](t testing.TB, text string) T {
	t.Helper()
	value, err := parse[T](text)
	require.NoError(t, err, text)
	return value
}
