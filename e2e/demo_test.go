package e2e

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// openDemo opens the demonstration page and waits until it is ready.
func (s *site) openDemo() *tab {
	s.t.Helper()
	p := s.open("/")
	p.until(`document.querySelector("#vault-state")?.dataset.tone === "good" && document.querySelector("#session-state").dataset.tone !== "wait"`)
	return p
}

// signInOnDemo signs in with the page's own button and the server's own form.
func (s *site) signInOnDemo(p *tab) {
	s.t.Helper()
	p.do(chromedp.Click(chromedp.CSS("#sign-in")))
	p.until(`document.querySelector("#password") !== null`)
	p.do(
		chromedp.SetValue(chromedp.CSS("#username"), s.Account.Username),
		chromedp.SetValue(chromedp.CSS("#password"), s.Account.Password),
		chromedp.Click(chromedp.CSS("#submit")),
	)
	p.until(`document.querySelector("#session-state")?.textContent.startsWith("Signed in as")`)
	p.until(`document.querySelector("#app-received pre") !== null`)
}

// text is what an element of the page says.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, `return document.querySelector(`+js(selector)+`).innerText`)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// saysHash waits until the page shows the hash of the newest access token.
func (s *site) saysHash(p *tab) {
	s.t.Helper()
	p.until(`document.querySelector("#api-received").textContent.includes(` + js(hash(s.token(devidp.AccessToken))) + `)`)
}

// frames attaches to the vault's frames in the browser.
func (s *site) frames(p *tab) []*tab {
	s.t.Helper()
	var frames []*tab
	for _, info := range s.targets("iframe", s.VaultURL) {
		frames = append(frames, s.attach(p, info, chromedp.WithDetachOnCancel()))
	}
	return frames
}

func TestDemoShowsSideBySideWhatTheAppAndTheAPIReceived(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	assert.Equal(t, "Signed out", p.text("#session-state"))
	assert.Contains(t, p.text("#app-received"), "Nothing")
	assert.Contains(t, p.text("#account"), s.Account.Username+" / "+s.Account.Password)

	s.signInOnDemo(p)
	assert.Equal(t, 2, eval[int](p, `return document.querySelectorAll("#app-received mark").length`), "two tokens are REDACTED")
	assert.Contains(t, p.text("#app-received"), `"expires_in"`)
	s.saysHash(p)
	assert.Contains(t, p.text("#session-state"), "Signed in as user-alice")

	p.click("#call-protected")
	p.until(`document.querySelector("#call-result").textContent.includes("/v1/json: 200")`)
	assert.Contains(t, p.text("#call-result"), "protected API")
	p.click("#call-public")
	p.until(`document.querySelector("#call-result").textContent.includes("/public/json: 200")`)
	assert.Contains(t, p.text("#call-result"), `"authorized": false`, "no token went to the open API")

	before := hash(s.token(devidp.AccessToken))
	p.click("#refresh")
	p.until(`document.querySelector("#session-result").textContent.startsWith("Refreshed")`)
	assert.Contains(t, p.text("#session-result"), before[:8]+"… became "+hash(s.token(devidp.AccessToken))[:8])
	s.saysHash(p)

	p.click("#sign-out")
	p.until(`document.querySelector("#session-result").textContent.startsWith("Signed out")`)
	assert.Equal(t, "Signed out", p.text("#session-state"))
	assert.Contains(t, p.text("#app-received"), "Nothing")
	assert.Contains(t, p.text("#api-received"), "Nothing")
	assert.Empty(t, s.live())

	p.click("#call-protected")
	p.until(`document.querySelector("#call-result").textContent.includes("/v1/json: 400")`)
	assert.Contains(t, p.text("#call-result"), "not_signed_in")
	s.canary(p)
}

func TestDemoHasTheVaultSignIn(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.openDemo()
	p.until(`document.querySelector("#vaulted-result").textContent.includes("Nobody")`)
	p.click("#vaulted-sign-in")
	s.fillSignIn(p)
	p.until(`document.querySelector("#vaulted-result")?.textContent.includes("Alice Liddell")`)
	p.click("#vaulted-call")
	p.until(`document.querySelector("#vaulted-result").textContent.includes("/v3/whoami: 200")`)
	accessible(p)
	p.click("#vaulted-sign-out")
	// Here nobody is signed in before the page is left; the server is done when it is back.
	require.Eventually(t, func() bool { return len(s.live()) == 0 }, patience, 20*time.Millisecond)
	p.until(`location.origin === ` + js(s.AppURL) + ` && document.querySelector("#vaulted-result")?.textContent.includes("Nobody")`)
	s.canaryAfterSignOut(p)
}

func TestDemoHasNoViolationAndNoErrorInNormalUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	for _, button := range []string{"#call-protected", "#call-public", "#refresh"} {
		p.click(button)
	}
	p.until(`document.querySelector("#session-result").textContent.startsWith("Refreshed")`)
	s.saysHash(p)
	p.click("#sign-out")
	p.until(`document.querySelector("#session-result").textContent.startsWith("Signed out")`)
	frames, workers := s.frames(p), s.workers(p)
	assert.Len(t, frames, 1)
	assert.Len(t, workers, 1)
	for _, target := range append(append(frames, workers...), p) {
		eval[any](target, `return null`) // what was logged before has been told by now
		assert.Empty(t, target.Console())
	}
}

func TestDemoListenerSeesAViolation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	eval[any](p, `document.body.append(Object.assign(document.createElement("script"), { textContent: "1" }))`)
	frames := s.frames(p)
	require.Len(t, frames, 1)
	eval[any](frames[0], `new Image().src = "/none.png"`)
	for _, target := range []*tab{p, frames[0]} {
		eval[any](target, `return null`)
		assert.Contains(t, strings.Join(target.Console(), "\n"), "Content Security Policy")
	}
}

// verdict is what the page says of an attack.
type demoVerdict struct{ Tone, Text, Log string }

// attack presses the button of an attack and waits for the verdict.
func (p *tab) attack(id string) demoVerdict {
	p.t.Helper()
	p.click("#run-" + id)
	p.until(`document.querySelector("#attack-` + id + `").dataset.tone !== "wait" && document.querySelector("#verdict-` + id + ` strong") !== null`)
	return eval[demoVerdict](p, `
		const card = document.getElementById("attack-`+id+`");
		return { Tone: card.dataset.tone, Text: card.querySelector(".verdict").textContent, Log: card.querySelector(".log").textContent }`)
}

// demoAttacks are all buttons of the console, and what each has to come to.
var demoAttacks = []struct{ id, tone, says string }{
	{"storage", "stopped", "no access or refresh token seen"},
	{"crawl", "stopped", "no access or refresh token seen"},
	{"token-endpoint", "stopped", "no access or refresh token seen"},
	{"forge", "stopped", "no access or refresh token seen"},
	{"other-url", "stopped", "no access or refresh token seen"},
	{"echo", "stopped", "no access or refresh token seen"},
	{"frame", "stopped", "no access or refresh token seen"},
	{"watch", "stopped", "no access or refresh token seen"},
	{"act", "limit", "acted as user-alice"},
	{"around", "limit", "got a code of its own"},
}

func TestDemoEachAttackGetsItsHonestVerdict(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	listed := eval[[]string](p, `return [...document.querySelectorAll(".attack")].map(({ id }) => id)`)
	assert.Len(t, listed, len(demoAttacks), "an attack without an expectation: %v", listed)
	for _, attack := range demoAttacks {
		t.Run(attack.id, func(t *testing.T) {
			got := p.attack(attack.id)
			assert.Equal(t, attack.tone, got.Tone, got.Text)
			assert.Contains(t, got.Text, attack.says)
			assert.NotEmpty(t, got.Log, "what it saw is shown")
		})
	}
	s.canary(p)
}

func TestDemoRunsAllAttacksAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	p.click("#attack-all")
	p.until(`document.querySelector("#attack-result").textContent.includes("without a verdict")`)
	assert.Equal(t, "9 attacks: 8 stopped, 0 leaked a token, 1 no vault can stop, 0 without a verdict.", p.text("#attack-result"))
	assert.Equal(t, "Vault: ready", p.text("#vault-state"))
	assert.True(t, eval[bool](p, `return document.querySelector("#banner").hidden`), "the attacks broke nothing")
}

func TestDemoSaysThatASignedOutUserHasNothingToSteal(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	for _, id := range []string{"storage", "echo", "act"} {
		got := p.attack(id)
		assert.Equal(t, "void", got.Tone, id)
		assert.Contains(t, got.Text, "you are signed out", id)
	}
}

func TestDemoJudgeSeesALeakWhereThereIsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *demo.Options) { o.InsecureAppCORS = true })
	p := s.openDemo()
	s.signInOnDemo(p)
	got := p.attack("around")
	assert.Equal(t, "leaked", got.Tone, got.Text)
	assert.Contains(t, got.Text, "1 access token")
	assert.Contains(t, got.Text, "1 refresh token")
}

func TestDemoJudgeDoesNotPraiseAVaultThatServesNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	s.IDP.SetFaults(devidp.Fault{Endpoint: devidp.EndpointAPI, Kind: devidp.FaultStatus})
	got := p.attack("storage")
	assert.Equal(t, "void", got.Tone, got.Text)
	assert.Contains(t, got.Text, "serves nobody")
}

func TestDemoSaysWhatToDoWithoutAVault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, s.StopVault())
	p := s.open("/")
	p.until(`document.querySelector("#vault-state")?.dataset.tone === "bad"`)
	assert.Equal(t, "Vault: unavailable", p.text("#vault-state"))
	assert.Equal(t, "Session: unknown", p.text("#session-state"))
	assert.Contains(t, p.text("#banner"), s.VaultURL)
	p.click("#call-protected")
	p.until(`document.querySelector("#call-result .line[data-tone=bad]") !== null`)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, s.StartVault(ctx))
	p.visit(s.AppURL + "/")
	p.until(`document.querySelector("#vault-state")?.dataset.tone === "good"`)
}

// focused says where the keyboard is: the id, and whether it can be seen there.
type focused struct {
	ID      string
	Outline bool // there is a focus ring
	Inside  bool // the viewport shows it, and the header does not cover it (WCAG 2.2, 2.4.11)
}

// tabTo presses Tab until an element has the focus. Each stop on the way has to
// show where it is.
func (p *tab) tabTo(id string) {
	p.t.Helper()
	for range 60 {
		p.do(chromedp.KeyEvent(kb.Tab))
		at := eval[focused](p, `
			const element = document.activeElement;
			const { top, bottom, height } = element.getBoundingClientRect();
			const head = document.querySelector(".top")?.getBoundingClientRect().bottom ?? 0;
			return {
				ID: element.id,
				Outline: getComputedStyle(element).outlineStyle !== "none" && parseFloat(getComputedStyle(element).outlineWidth) >= 2,
				Inside: element.classList.contains("skip") || Math.min(bottom, innerHeight) - Math.max(top, head) >= Math.min(height, 24),
			}`)
		if at.ID == "" && !at.Inside {
			continue // between the page and the browser's own controls
		}
		assert.True(p.t, at.Outline, "no focus ring at %q", at.ID)
		assert.True(p.t, at.Inside, "the focus is out of sight at %q", at.ID)
		if at.ID == id {
			return
		}
	}
	require.Fail(p.t, "Tab never reaches "+id)
}

func TestDemoWorksByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	press := func(id string) {
		t.Helper()
		p.tabTo(id)
		p.do(chromedp.KeyEvent(kb.Enter))
	}
	press("sign-in")
	p.until(`document.querySelector("#username") !== null && document.activeElement.id === "username"`)
	p.do(chromedp.KeyEvent(s.Account.Username), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(s.Account.Password), chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector("#session-state")?.textContent.startsWith("Signed in as")`)

	press("refresh")
	p.until(`document.querySelector("#session-result").textContent.startsWith("Refreshed")`)
	assert.Equal(t, "refresh", eval[string](p, `return document.activeElement.id`), "the focus stays")
	press("call-protected")
	p.until(`document.querySelector("#call-result").textContent.includes("/v1/json: 200")`)
	press("run-act")
	p.until(`document.querySelector("#attack-act").dataset.tone === "limit"`)
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(" "))
	p.until(`document.querySelector("#attack-act details").open`)

	p.do(chromedp.Focus(chromedp.CSS(".skip")))
	press("sign-out")
	p.until(`document.querySelector("#session-state").textContent === "Signed out"`)
	assert.Equal(t, "sign-in", eval[string](p, `return document.activeElement.id`), "the focus goes to what took the button's place")
}

func TestDemoDoesNotScrollSideways(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	check := func(when string) {
		t.Helper()
		for _, width := range []int64{320, 360, 600, 768, 1280} {
			p.do(chromedp.EmulateViewport(width, 740))
			wide := eval[[]string](p, `
				const { scrollWidth, clientWidth } = document.documentElement;
				if (scrollWidth <= clientWidth) return [];
				return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > clientWidth).map((e) => e.tagName + "#" + e.id + "." + e.className)`)
			assert.Empty(t, wide, "%s, %d px wide", when, width)
		}
	}
	check("signed out")
	s.signInOnDemo(p)
	p.click("#call-protected")
	p.until(`document.querySelector("#call-result pre") !== null`)
	p.attack("storage")
	p.attack("echo")
	eval[any](p, `document.querySelectorAll("details").forEach((details) => { details.open = true })`)
	check("signed in, with everything open")
	eval[any](p, `document.querySelector("#app-received").style.width = "5000px"`)
	p.do(chromedp.EmulateViewport(360, 740))
	assert.True(t, eval[bool](p, `return document.documentElement.scrollWidth > 360`), "control: the check sees what is too wide")
}

// prefer sets the colour scheme that the system asks for.
func (p *tab) prefer(scheme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// screenshot is what the tab looks like.
func (p *tab) screenshot() image.Image {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	file, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	picture, err := png.Decode(bytes.NewReader(file))
	require.NoError(p.t, err)
	return picture
}

// brightness is the mean of a picture, from 0 to 1.
func brightness(picture image.Image) float64 {
	var sum, n float64
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 4 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 4 {
			r, g, b, _ := picture.At(x, y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
			n++
		}
	}
	return sum / n
}

// contrasts lists the texts whose contrast with what is behind them is below
// 4.5:1 (WCAG 2.2, 1.4.3).
const contrasts = `
	const channels = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => {
		const [R, G, B] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * R + 0.7152 * G + 0.0722 * B;
	};
	const behind = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const color = channels(getComputedStyle(e).backgroundColor);
			if (color.length === 3 || color[3] === 1) return color;
		}
		return channels(getComputedStyle(document.body).backgroundColor);
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const poor = [];
	while (texts.nextNode()) {
		const element = texts.currentNode.parentElement;
		if (texts.currentNode.data.trim() === "" || !element.checkVisibility()) continue;
		const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) poor.push(ratio.toFixed(2) + " " + texts.currentNode.data.trim().slice(0, 40));
	}
	return poor;`

func TestDemoFollowsTheDarkModeAndStaysReadable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	p.attack("storage")
	p.attack("act")
	for _, scheme := range []struct {
		name     string
		from, to float64
	}{{"light", 0.75, 1}, {"dark", 0, 0.35}} {
		p.prefer(scheme.name)
		eval[any](p, `await Promise.all(document.getAnimations().map((animation) => animation.finished))`)
		got := brightness(p.screenshot())
		assert.True(t, scheme.from <= got && got <= scheme.to, "%s is %.2f bright", scheme.name, got)
		assert.Empty(t, eval[[]string](p, contrasts), scheme.name)
	}
	eval[any](p, `document.querySelector("h1").style.color = "#2a2f2c"`)
	assert.NotEmpty(t, eval[[]string](p, contrasts), "control: the check sees what cannot be read")
}

// namedRoles are the roles whose elements need a name.
var namedRoles = map[string]bool{
	"button": true, "link": true, "textbox": true, "region": true, "image": true, "heading": true,
	"DisclosureTriangle": true, "list": false, "RootWebArea": true,
}

func TestDemoHasAccessibleNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	s.signInOnDemo(p)
	p.attack("storage")
	eval[any](p, `document.querySelectorAll("details").forEach((details) => { details.open = true })`)
	seen := map[string]int{}
	for _, node := range call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		seen[role]++
		if namedRoles[role] {
			assert.True(t, node.Name != nil && strings.Trim(string(node.Name.Value), `" `) != "", "a %s without a name", role)
		}
	}
	assert.Zero(t, seen["Iframe"]+seen["IframePresentational"], "the vault's frame is nothing for a reader")
	assert.Greater(t, seen["button"], 10, "%v", seen)

	assert.Equal(t, []string{}, eval[[]string](p, `
		const problems = [];
		if (!document.documentElement.lang) problems.push("no language");
		if (!document.title) problems.push("no title");
		const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
		problems.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => "twice: " + id));
		let level = 0;
		for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
			const next = Number(heading.tagName[1]);
			if (next > level + 1) problems.push("heading level left out at " + heading.textContent);
			level = next;
		}
		for (const attribute of ["aria-labelledby", "aria-describedby"]) {
			for (const element of document.querySelectorAll("[" + attribute + "]")) {
				for (const id of element.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) problems.push("nothing named " + id);
			}
		}
		for (const button of document.querySelectorAll("button")) {
			const { width, height } = button.getBoundingClientRect();
			if (button.checkVisibility() && (width < 44 || height < 44)) problems.push("too small to touch: " + button.textContent);
		}
		return problems`))
}
