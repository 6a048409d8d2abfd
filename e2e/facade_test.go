package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// facade is a page that uses the interface of Ping's Token Vault for one client:
// window.register is what client() gave, window.store its store.
func (s *site) facade(clientID string) *tab {
	s.t.Helper()
	p := s.open("/e2e/facade.html")
	p.until(`window.loaded === true`)
	eval[any](p, `
		window.register = client({
			app: { origin: location.origin },
			forgerock: { clientId: `+js(clientID)+` },
			interceptor: { file: "/interceptor.js" },
			proxy: { origin: `+js(s.VaultURL)+` },
		});
		await register.interceptor();
		await register.proxy(document.getElementById("place"));
		window.store = register.store();
		window.tokenvault = connect();`)
	return p
}

func TestFacadeStoreHasTheShapesThatAPingAppExpects(t *testing.T) {
	t.Parallel()
	for _, client := range []string{demo.MainClient, demo.PingClient} {
		t.Run(client, func(t *testing.T) {
			s := newSite(t)
			id := s.clientAt(client).id
			p := s.facade(id)
			shape := func(call string) any { return eval[any](p, `return store.`+call) }

			assert.Nil(t, shape("get()"), "signed out")
			assert.Equal(t, map[string]any{"hasTokens": false}, shape("has()"))
			assert.Equal(t, map[string]any{"refreshTokens": false}, shape("refresh()"))
			assert.True(t, eval[bool](p, `return await store.remove() === undefined`), "to remove nothing is no error")

			s.signInFrom(p, client)
			tokens := eval[map[string]any](p, `return store.get()`)
			assert.Equal(t, "REDACTED", tokens["accessToken"])
			assert.Equal(t, "REDACTED", tokens["refreshToken"])
			assert.Equal(t, s.tokenOf(id, devidp.IDToken), tokens["idToken"], "the app is meant to read it")
			for name := range tokens {
				assert.Contains(t, []string{"accessToken", "refreshToken", "idToken"}, name)
			}
			assert.Equal(t, map[string]any{"hasTokens": true}, shape("has()"))
			assert.Equal(t, map[string]any{"refreshTokens": true}, shape("refresh()"))
			assert.EqualValues(t, 1, s.IDP.Stats().Refreshes)
			assert.Equal(t, hash(s.tokenOf(id, devidp.AccessToken)), s.callerAt(p, client).Body.Token)
			s.canary(p)

			assert.True(t, eval[bool](p, `return await store.remove() === undefined`))
			assert.Nil(t, shape("get()"))
			assert.Equal(t, map[string]any{"hasTokens": false}, shape("has()"))
		})
	}
}

func TestFacadeStoreSetChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.facade(demo.MainClientID)
	eval[any](p, `await store.set("demo-app", { accessToken: "planted", refreshToken: "planted" })`)
	assert.Nil(t, eval[any](p, `return store.get()`), "an app cannot sign in by it")

	s.signInFrom(p, demo.MainClient)
	before := eval[any](p, `return store.get()`)
	assert.True(t, eval[bool](p, `return await store.set("demo-app", { accessToken: "planted" }) === undefined`))
	assert.Equal(t, before, eval[any](p, `return store.get()`))
	assert.Equal(t, hash(s.tokenOf(demo.MainClientID, devidp.AccessToken)), s.callerAt(p, demo.MainClient).Body.Token)
}

func TestFacadeStoreTakesAClientIDForEachCall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.facade(demo.MainClientID)
	s.signInFrom(p, demo.PingClient)
	assert.Nil(t, eval[any](p, `return store.get()`))
	assert.Equal(t, "REDACTED", eval[map[string]any](p, `return store.get("demo-ping")`)["accessToken"])
	assert.True(t, eval[bool](p, `return (await store.has("demo-ping")).hasTokens`))
	eval[any](p, `await store.remove("demo-ping")`)
	assert.Nil(t, eval[any](p, `return store.get("demo-ping")`))
	assert.Equal(t, "unknown_client", eval[string](p, `return store.has("nobody").catch((error) => error.code)`))
}

func TestFacadeStoreTellsTheExpiryOfTokensThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.facade(demo.MainClientID)
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointCode, Kind: devidp.FaultOmitRefresh})
	s.signInFrom(p, demo.MainClient)
	tokens := eval[map[string]any](p, `return store.get()`)
	assert.NotContains(t, tokens, "refreshToken")
	issued := s.IDP.Issued()
	for _, token := range issued {
		if token.Kind == devidp.AccessToken {
			assert.InDelta(t, token.Expires.UnixMilli(), tokens["tokenExpiry"], 2000)
		}
	}
}

func TestFacadeRefusesAnotherVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/facade.html")
	p.until(`window.loaded === true`)
	for name, origin := range map[string]string{
		"another origin": "https://vault.evil.example",
		"another port":   "http://vault.example.localhost:1",
		"the app":        s.AppURL,
		"no URL":         "vault",
		"empty":          "",
	} {
		t.Run(name, func(t *testing.T) {
			got := eval[map[string]string](p, `
				try { client({ proxy: { origin: `+js(origin)+` } }) } catch ({ name, code, message }) { return { name, code, message } }
				return { name: "none" }`)
			assert.Equal(t, "TokenVaultError", got["name"], "%v", got)
			assert.Equal(t, "invalid_argument", got["code"])
			assert.Contains(t, got["message"], s.VaultURL, "the message names the vault of the build")
			assert.Contains(t, got["message"], "tokenvault.json", "and the mend")
		})
	}
	assert.Equal(t, 0, eval[int](p, `return document.querySelectorAll("iframe").length`), "no frame was made")
}

func TestFacadePutsTheFrameWhereItIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/facade.html")
	p.until(`window.loaded === true`)
	got := eval[map[string]any](p, `
		const register = client({ forgerock: { clientId: "demo-app" }, proxy: { origin: `+js(s.VaultURL)+`, id: "my-frame" } });
		const place = document.getElementById("place");
		const registration = await register.interceptor();
		const frame = await register.proxy(place);
		const again = await register.proxy(place);
		await connect().ready;
		const refused = await register.proxy("#place").catch((error) => error.code + " " + error.message);
		return {
			worker: registration instanceof ServiceWorkerRegistration && new URL(registration.active.scriptURL).pathname,
			inside: frame.parentElement === place, id: frame.id, origin: new URL(frame.src).origin,
			hidden: frame.checkVisibility() && frame.offsetWidth + frame.offsetHeight === 0 && frame.tabIndex === -1, same: frame === again, count: document.querySelectorAll("iframe").length, refused,
		}`)
	assert.Equal(t, map[string]any{
		"worker": "/interceptor.js", "inside": true, "id": "my-frame", "origin": s.VaultURL, "hidden": true, "same": true,
		"count": 1.0, "refused": "invalid_argument proxy(element) takes the element that the frame goes into.",
	}, got)
}

// The page has started its vault in another way, and a request is under way when
// the facade says where the frame belongs. A frame that is loaded anew would end
// it, as TestRemovedFrameEndsItsRequestsAndIsPutBack shows.
func TestFacadeMovesAFrameThatRuns(t *testing.T) {
	t.Parallel()
	const keep = ""
	const without = `for (const { prototype } of [Node, Element, Document, DocumentFragment]) delete prototype.moveBefore;`
	for _, tc := range []struct{ name, page, prepare, parent string }{
		{"of the script tag", "/e2e/blank.html", keep, "place"},
		{"of connect()", "/e2e/facade.html", keep, "place"},
		{"of the script tag, in a browser without moveBefore", "/e2e/blank.html", without, "root"},
		{"of connect(), in a browser without moveBefore", "/e2e/facade.html", without, "root"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			p := s.open(tc.page)
			eval[any](p, tc.prepare)
			p.until(`window.tokenvault !== undefined || window.loaded === true`)
			eval[any](p, `window.tokenvault ??= connect()`)
			s.signInFrom(p, demo.MainClient)
			release := s.startHeld(p)

			got := eval[map[string]any](p, `
				const before = `+vaultFrame+`;
				const place = document.createElement("div");
				place.id = "new-place";
				document.body.append(place);
				window.loads = 0;
				before.addEventListener("load", () => loads++);
				const facade = tokenvault.client({ forgerock: { clientId: "demo-app" }, proxy: { origin: `+js(s.VaultURL)+`, id: "my-frame" } });
				const parent = before.parentNode;
				const frame = await facade.proxy(place);
				const again = await facade.proxy(place);
				return {
					movable: "moveBefore" in place, was: parent === document.documentElement && "root",
					is: frame.parentNode === place ? "place" : frame.parentNode === document.documentElement ? "root" : "elsewhere",
					same: frame === before && again === before, id: frame.id, count: document.querySelectorAll("iframe").length,
				}`)
			release()

			assert.Equal(t, map[string]any{
				"movable": tc.prepare == keep, "was": "root", "is": tc.parent, "same": true, "id": "my-frame", "count": 1.0,
			}, got)
			assert.Equal(t, 200, held(p).Status, "the request under way has lived through it")
			s.IDP.SetFaults()
			s.mustServe(p)
			assert.True(t, has(p))
			assert.Zero(t, eval[int](p, `return loads`), "the frame was not loaded anew")
			s.canary(p)
		})
	}
}

func TestModuleAndClassicScriptAreTheSameVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	classic := s.open("/e2e/blank.html")
	s.signInFrom(classic, demo.MainClient)

	module := s.open("/e2e/module.html")
	module.until(`window.loaded === true`)
	assert.True(t, eval[bool](module, `return connect() === connect()`), "one a page")
	assert.True(t, eval[bool](module, `await tokenvault.ready; return tokenvault.has("main")`), "signed in on the page of the classic script")
	assert.Equal(t, 200, s.callerAt(module, demo.MainClient).Status)
	assert.Equal(t, "unknown_client", eval[string](module, `
		return tokenvault.has("nobody").catch((error) => error instanceof TokenVaultError && error.code)`))

	left := eval[bool](classic, `
		window.left = new Promise((resolve) => tokenvault.on("signedout", () => resolve(true)));
		return "left" in window`)
	require.True(t, left)
	eval[any](module, `await tokenvault.logout("main")`)
	assert.True(t, eval[bool](classic, `return window.left`), "the other page heard of it")
	assert.False(t, eval[bool](classic, `return tokenvault.has("main")`))
	s.canary(module)
}

func TestModuleBesideTheClassicScriptInOnePageIsTheSameVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	s.signInFrom(p, demo.MainClient)
	got := eval[map[string]any](p, `
		const { connect } = await import("/tokenvault.mjs");
		const second = connect();
		await second.ready;
		const status = async () => (await fetch(`+js(s.APIURL+"/v1/json")+`)).status;
		return {
			same: second === tokenvault && document.querySelectorAll("iframe").length === 1,
			both: [await tokenvault.has("main"), await second.has("main")],
			calls: await Promise.all([status(), status(), status()]),
		}`)
	assert.Equal(t, map[string]any{"same": true, "both": []any{true, true}, "calls": []any{200.0, 200.0, 200.0}}, got)
}

func TestModuleLoadsOnAServerAndSaysThatItNeedsABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	node, err := exec.LookPath("node")
	require.NoError(t, err, "install Node.js")
	folder := t.TempDir()
	module := bodyOf(t, loopbackGet(t, loopback(t), s.AppURL+"/tokenvault.mjs"))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenvault.mjs"), []byte(module), 0o644))
	script := `
		import { connect, client, TokenVaultError } from "./tokenvault.mjs";
		const errors = [];
		for (const use of [connect, () => client().store(), () => client().interceptor(), () => client().proxy({})]) {
			try { await use(); errors.push("no error") } catch (error) { errors.push(error instanceof TokenVaultError ? error.code + ": " + error.message : String(error)) }
		}
		console.log(JSON.stringify(errors));`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "server.mjs"), []byte(script), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	output, err := exec.CommandContext(ctx, node, filepath.Join(folder, "server.mjs")).CombinedOutput()
	require.NoError(t, err, string(output))
	errors := decode[[]string](t, string(output))
	require.Len(t, errors, 4)
	for _, message := range errors {
		assert.Contains(t, message, "worker_unavailable: ")
		assert.Contains(t, message, "browser")
	}
}
