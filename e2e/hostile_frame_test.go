package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/static"
)

// frameOf attaches to the vault's frame, if it has a process of its own.
func (s *site) frameOf(p *tab) (*tab, bool) {
	s.t.Helper()
	frames := s.targets("iframe", s.VaultURL)
	if len(frames) == 0 {
		return nil, false
	}
	require.Len(s.t, frames, 1)
	return s.attach(p, frames[0]), true
}

// programRuns is true in a vault whose program has started.
const programRuns = `typeof program !== 'undefined' && program !== null`

// sharedCluster weakens the vault, the page or both to what browsers did before
// origin-keyed agent clusters: frames of one site share a process, and may agree to
// share objects by document.domain.
func sharedCluster(o *demo.Options) {
	o.VaultOptions = append(o.VaultOptions, static.InsecureOverrideHeader("Origin-Agent-Cluster", "?0"))
	pages := o.Mounts["/e2e/"]
	o.Mounts["/e2e/"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Origin-Agent-Cluster", "?0")
		pages.ServeHTTP(w, r)
	})
}

// TestAnswersOfTheServerItselfDoNotMoveTheVault frames, before the vault, answers of
// its origin that no handler has made: Chromium keeps for a whole page what the first
// document of an origin said about Origin-Agent-Cluster.
func TestAnswersOfTheServerItselfDoNotMoveTheVault(t *testing.T) {
	t.Parallel()
	ownProcesses := func(s *site, path string) int {
		p := s.open("/e2e/plain.html")
		defer p.stop()
		eval[any](p, `
			const load = (src) => new Promise((resolve) => {
				const frame = document.createElement('iframe');
				frame.onload = resolve;
				frame.src = src;
				document.body.append(frame);
			});
			await load(`+js(s.VaultURL+path)+`);
			await load(`+js(s.VaultURL+"/proxy.html")+`);`)
		return len(s.targets("iframe", s.VaultURL+"/proxy.html"))
	}
	s := newHostileSite(t)
	assert.Equal(t, 1, ownProcesses(s, "/%zz"), "after a path that the server cannot read")
	assert.Equal(t, 1, ownProcesses(s, "/"+strings.Repeat("a", 1_200_000)), "after a head that is too large")
	assert.Zero(t, ownProcesses(newHostileSite(t, sharedCluster), "/nothing"), "control: without the header")
}

// TestPageCannotReachIntoTheVaultsFrame tries every way from the page's objects to the
// frame's. Both set document.domain, the vault as if it had been talked into it. The
// control is the same without Origin-Agent-Cluster: the page reads the vault's memory.
func TestPageCannotReachIntoTheVaultsFrame(t *testing.T) {
	t.Parallel()
	attack := `
		const frame = frameElement();
		try { document.domain = 'example.localhost'; } catch {}
		const ways = {
			contentDocument: () => frame.contentDocument?.title,
			'contentWindow.document': () => frame.contentWindow.document.title,
			'frames[0]': () => frames[0].document.title,
			'named access': () => { frame.name = 'vault'; return window.vault.document.title; },
			'window.open by name': () => {
				frame.name = 'vault';
				const opened = open('', 'vault');
				if (opened === frame.contentWindow) return opened.document.title;
				opened.close(); // a window of its own
				return undefined;
			},
			'a property': () => frame.contentWindow.tokenvaultHost,
			'the parser': () => frame.contentWindow.eval('document.title'),
			'a setter': () => { frame.contentWindow.onmessage = () => {}; return 'set'; },
			'the prototype': () => Object.getPrototypeOf(frame.contentWindow) ?? undefined,
			'the location': () => frame.contentWindow.location.href,
			'storage': () => frame.contentWindow.indexedDB && 'storage',
			'a javascript: URL': () => { frame.contentWindow.location = 'javascript:document.title'; return undefined; },
			'srcdoc': () => frame.getSVGDocument()?.title,
			'performance': () => frame.contentWindow.performance.getEntries() && 'entries',
		};
		return Object.entries(ways).filter(([, way]) => {
			try { return way() !== undefined; } catch { return false; }
		}).map(([name]) => name);`

	const relax = `if (location.hostname.startsWith('vault.')) try { document.domain = 'example.localhost'; } catch {}`
	t.Run("as it is", func(t *testing.T) {
		s := newHostileSite(t)
		p := s.signInHostile()
		frame, own := s.frameOf(p)
		require.True(t, own, "the vault has a process of its own")
		eval[any](frame, relax)
		assert.Empty(t, eval[[]string](p, attack))
		assert.True(t, eval[bool](p, `return tokenvault.has('main')`), "the frame is what it was")
		s.canary(p)
	})
	t.Run("control: without Origin-Agent-Cluster", func(t *testing.T) {
		s := newHostileSite(t, sharedCluster)
		p := s.open("/e2e/plain.html")
		call(p, page.Enable, page.EnableParams{})
		call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: relax})
		p.visit(s.AppURL + hostilePage)
		s.signInOn(p)
		_, own := s.frameOf(p)
		require.False(t, own, "the vault shares the page's process")
		assert.Contains(t, eval[[]string](p, attack), "contentWindow.document", "the page is in the vault's document")
		require.NotEmpty(t, s.leaks(p, s.needles()), "the memory of the page's process has the tokens")
	})
}

// TestPageSeesNoURLOfTheVault: timelines and openers tell nothing of the vault but its
// frame's own URL, which has nothing in it. The control is the app's own request.
func TestPageSeesNoURLOfTheVault(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	names := eval[[]string](p, `
		const line = await new Line().ready;
		await line.ask({ url: `+js(s.APIURL+"/v1/text")+` });
		await (await fetch(`+js(s.APIURL+"/v1/json")+`)).text();
		while (!performance.getEntriesByName(`+js(s.APIURL+"/v1/json")+`).length) await fence();
		return performance.getEntries().map(({ name }) => name);`)
	assert.Contains(t, names, s.APIURL+"/v1/json", "control: the page's own requests are in its timeline")
	for _, name := range names {
		assert.NotContains(t, name, "/v1/text", "the vault's requests are not")
		if strings.HasPrefix(name, s.VaultURL) {
			assert.Equal(t, s.VaultURL+"/proxy.html", name)
		}
	}
	assert.Equal(t, []string{s.VaultURL + "/proxy.html"}, eval[[]string](p, `return [frameElement().src]`))
}

// TestVaultOpenedAsAWindowIsOutOfReach opens the vault's page in a window, which its
// policy cannot forbid. The opener policy cuts the two apart. The control is a vault
// without it: the opener keeps a window that it can post to, and is not heard.
func TestVaultOpenedAsAWindowIsOutOfReach(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		options []static.Option
		closed  bool
	}{
		{"as it is", nil, true},
		{"control: without an opener policy", []static.Option{static.InsecureOverrideHeader("Cross-Origin-Opener-Policy", "unsafe-none")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newHostileSite(t, func(o *demo.Options) { o.VaultOptions = append(o.VaultOptions, tc.options...) })
			p := s.signInHostile()
			type result struct {
				Closed  bool
				Answers int
			}
			eval[any](p, `window.popup = open(`+js(s.VaultURL+"/proxy.html")+`, '_blank', 'width=200,height=200')`)
			require.Eventually(t, func() bool { return len(s.targets("page", s.VaultURL)) == 1 }, patience, patience/1000)
			vault := s.attach(p, s.targets("page", s.VaultURL)[0])
			vault.until(programRuns)
			got := eval[result](p, `
				const { port1, port2 } = new MessageChannel();
				const answers = [];
				port1.onmessage = ({ data }) => answers.push(data);
				popup.postMessage({ v: '1', type: 'connect', epoch: 'popup' }, '*', [port2]);
				await fence();
				await fence();
				return { closed: popup.closed, answers: answers.length };`)
			assert.Equal(t, result{Closed: tc.closed}, got)
			vault.stop()
		})
	}
}

// TestOnlyTheAppFramesTheVault frames the vault in pages of other origins, and the app
// with the vault in it in a page of the attacker's. The controls: the app frames it,
// and without frame-ancestors the attacker does, and still is not heard.
func TestOnlyTheAppFramesTheVault(t *testing.T) {
	t.Parallel()
	framed := func(s *site, p *tab, origin string) (bool, []string) {
		p.visit(origin + "/e2e/hostile-frame.html")
		answers := eval[[]string](p, `
			const { answers } = await frameVault(`+js(s.VaultURL+"/proxy.html")+`);
			return answers;`)
		frames := s.targets("iframe", s.VaultURL+"/proxy.html")
		if len(frames) == 0 {
			return false, answers
		}
		frame := s.attach(p, frames[0])
		if eval[bool](frame, `return location.protocol === 'chrome-error:'`) {
			return false, answers
		}
		frame.until(programRuns)
		return true, answers
	}
	for _, tc := range []struct {
		name, host string
		insecure   bool
		framed     bool
	}{
		{"another site", evilHost, false, false},
		{"another origin of the same site", siblingHost, false, false},
		{"control: another site, without frame-ancestors", evilHost, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			evil := newWitness(t)
			s := newHostileSite(t, func(o *demo.Options) {
				if tc.insecure {
					o.VaultOptions = append(o.VaultOptions,
						static.InsecureOverrideHeader("Content-Security-Policy", ""),
						static.InsecureOverrideHeader("Cross-Origin-Resource-Policy", "cross-origin"))
				}
			})
			p := s.signInHostile()
			got, answers := framed(s, p, evil.at(tc.host))
			assert.Equal(t, tc.framed, got)
			assert.Empty(t, answers, "nobody but the app is heard")
		})
	}
	t.Run("control: the app", func(t *testing.T) {
		s := newHostileSite(t)
		p := s.signInHostile()
		_, own := s.frameOf(p)
		assert.True(t, own)
		assert.True(t, eval[bool](p, `return tokenvault.has('main')`))
	})
	t.Run("the app in a page of the attacker's", func(t *testing.T) {
		evil := newWitness(t)
		s := newHostileSite(t)
		p := s.signInHostile()
		p.visit(evil.at(evilHost) + "/e2e/hostile-frame.html")
		eval[any](p, `
			const frame = document.createElement('iframe');
			frame.src = `+js(s.AppURL+hostilePage)+`;
			const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
			document.body.append(frame);
			await loaded;`)
		frames := s.targets("iframe", s.AppURL+hostilePage)
		require.Len(t, frames, 1, "the app's page lets itself be framed in this test")
		app := s.attach(p, frames[0])
		code := eval[string](app, `return tokenvault.ready.then(() => 'ready', ({ code }) => code)`)
		assert.Equal(t, "vault_unavailable", code)
	})
}

// vaultFiles names every file of the vault's folder.
func (s *site) vaultFiles() []string {
	var names []string
	for _, file := range s.Build.Files {
		if name, ok := strings.CutPrefix(file.Path, "vault/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// TestVaultAnswersWithItsHeadersOnly asks for everything that the vault serves, and
// does not serve, as every kind of client.
func TestVaultAnswersWithItsHeadersOnly(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	client := loopback(t)
	require.NotEmpty(t, s.vaultFiles())
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' " +
			s.AuthURL + " " + s.APIURL + "; frame-ancestors " + s.AppURL +
			"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"Origin-Agent-Cluster":         "?1",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Resource-Policy": "same-site",
		"Permissions-Policy":           "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
	}
	paths := []string{"/", "/proxy.html", "/nothing", "/../etc/passwd", "/%00", "/healthz", "/manifest.json", "/interceptor.js", "/proxy.html/x", "/" + strings.Repeat("a", 1<<14)}
	for _, name := range s.vaultFiles() {
		paths = append(paths, "/"+name)
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"} {
			request, err := http.NewRequestWithContext(t.Context(), method, s.VaultURL+path, http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Origin", s.AppURL)
			request.Header.Set("Cookie", "tossed=1; domain=example.localhost")
			request.Header.Set("Access-Control-Request-Method", "GET")
			response, err := client.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			name := method + " " + path[:min(40, len(path))]
			for header, value := range want {
				assert.Equal(t, []string{value}, response.Header.Values(header), "%s: %s", name, header)
			}
			for header := range response.Header {
				assert.False(t, strings.HasPrefix(header, "Access-Control-"), "%s: %s", name, header)
				assert.NotContains(t, []string{"Set-Cookie", "Location", "Refresh", "Server"}, header, name)
			}
			cache := response.Header.Get("Cache-Control")
			if response.StatusCode == http.StatusOK && static.Hashed(path) {
				assert.Equal(t, "max-age=31536000, immutable", cache, name)
			} else if !static.Hashed(path) {
				assert.Equal(t, "no-store", cache, name)
			}
		}
	}
}

// TestNormalFlowBreaksNoPolicy calls, renews and signs out, and listens for violations
// of the vault's policy. The control is a script in the vault that breaks it.
func TestNormalFlowBreaksNoPolicy(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	frame, own := s.frameOf(p)
	require.True(t, own)
	const listen = `
		window.violations = [];
		addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => violations.push(violatedDirective + ' ' + blockedURI));`
	eval[any](frame, listen)
	eval[any](p, `
		for (const path of ['json', 'text', 'binary', 'whoami', 'redirect', 'sse?count=2&interval=1']) {
			await (await fetch(`+js(s.APIURL+"/v1/")+` + path)).arrayBuffer();
		}
		await tokenvault.refresh('main');
		await tokenvault.logout('main');`)
	assert.Empty(t, eval[[]string](frame, `return violations`))
	evil := newWitness(t)
	eval[any](frame, `
		await fetch(`+js(evil.at(evilHost))+`).catch(() => {});
		try { document.documentElement.innerHTML = '<img src=x>'; } catch {}`)
	// The control: violations are seen.
	frame.until(`violations.some((v) => v.startsWith('connect-src')) && violations.some((v) => v.startsWith('require-trusted-types-for'))`)
	assert.Empty(t, evil.requests())
}
