package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axeSource is axe-core, the checker of accessibility rules.
var axeSource = sync.OnceValues(func() ([]byte, error) { return os.ReadFile("../node_modules/axe-core/axe.min.js") })

// barrier is a rule that a page breaks, and where.
type barrier struct {
	Rule  string   `json:"rule"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

func (b barrier) String() string {
	return fmt.Sprintf("%s (%s): %s", b.Rule, b.Help, strings.Join(b.Nodes, ", "))
}

// barriers checks the document that a tab shows, as it is at the moment, without its
// frames. The checker comes through the browser's protocol, so that the page's
// Content-Security-Policy has no say.
func barriers(p *tab) []barrier {
	p.t.Helper()
	source, err := axeSource()
	require.NoError(p.t, err)
	p.do(chromedp.Evaluate[chromedp.Void](string(source)))
	return eval[[]barrier](p, `
		const { violations } = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
		return violations.map(({ id, help, nodes }) => ({ rule: id, help, nodes: nodes.map(({ html }) => html) }))`)
}

// accessible fails the test for every rule that the page breaks.
func accessible(p *tab) {
	p.t.Helper()
	for _, found := range barriers(p) {
		p.t.Errorf("not accessible: %s", found)
	}
}

func TestDemoPageIsAccessible(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.openDemo()
	accessible(p)
	s.signInOnDemo(p)
	accessible(p)
}

func TestBarriersAreFound(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	for _, tc := range []struct{ rule, script string }{
		{"html-has-lang", `document.documentElement.removeAttribute("lang")`},
		{"document-title", `document.title = ""`},
		{"page-has-heading-one", `document.querySelector("h1").remove()`},
		{"button-name", `main.append(document.createElement("button"))`},
		{"label", `main.append(document.createElement("input"))`},
		{"color-contrast", `main.style.cssText = "color: #999; background: #fff"`},
		{"region", `document.body.append(document.querySelector("p"))`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			p.visit(s.AppURL + "/e2e/blank.html")
			eval[any](p, `
				document.body.innerHTML = "<main><h1>A heading</h1><p>A text</p></main>";
				window.main = document.querySelector("main")`)
			assert.Empty(t, barriers(p))
			eval[any](p, tc.script)
			found := barriers(p)
			require.Len(t, found, 1, "%s", found)
			assert.Equal(t, tc.rule, found[0].Rule)
			assert.NotEmpty(t, found[0].Nodes)
		})
	}
}

// The vault's pages have the strictest policies, under which the checker has to run.
func TestBarriersAreFoundUnderTheVaultsPolicy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	p.visit(s.VaultURL + "/proxy.html")
	before := barriers(p)
	eval[any](p, `document.body.append(document.createElement("button"))`)
	assert.Len(t, barriers(p), len(before)+1)
}
