package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// everyMethod is what the list of newFaithful allows.
var everyMethod = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// newFaithful is newTwoWays with the open part of the API too: on the vault's list,
// and without the vault readable from the page without one. So the API's own log
// shows both ways. Scripts have it as api.
func newFaithful(t *testing.T, change ...func(*demo.Configuration)) *twoWays {
	t.Helper()
	sample := newSample(t)
	s := newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			main := &c.Clients[0]
			api := strings.TrimSuffix(main.Resources[0].URL, "/v1/*")
			main.Resources = append(main.Resources,
				demo.Resource{URL: sample.origin + "/s/*", Methods: everyMethod},
				demo.Resource{URL: api + "/public/*", Methods: everyMethod})
			for _, f := range change {
				f(c)
			}
		}
		o.AuthServer = func(options *devidp.Options) {
			options.AllowOrigins = append(options.AllowOrigins, strings.TrimSuffix(sample.page, "/plain.html"))
		}
	})
	w := &twoWays{site: s, sample: sample, through: s.open("/e2e/blank.html"), direct: s.open("/e2e/plain.html")}
	w.direct.visit(sample.page)
	require.False(t, eval[bool](w.direct, `return navigator.serviceWorker.controller !== null`))
	s.signInFrom(w.through, demo.MainClient)
	return w
}

// ways are the two pages by name.
func (w *twoWays) ways() map[string]*tab {
	return map[string]*tab{"through the vault": w.through, "directly": w.direct}
}

// names are what scripts of these tests use.
func (w *twoWays) names() string {
	return observe + `const sample = ` + js(w.sample.origin) + `, api = ` + js(w.APIURL) + `;`
}

// alike requires that a script returns one value in both pages.
func alike[T any](t testing.TB, w *twoWays, script string) T {
	t.Helper()
	through, direct := evalBoth[T](t, w, script)
	assert.Equal(t, direct, through)
	return direct
}

// evalBoth runs a script in both pages, and fails the test that it is called from:
// with a row of a table, the others are still run.
func evalBoth[T any](t testing.TB, w *twoWays, script string) (through, direct T) {
	t.Helper()
	direct, err := tryEval[T](w.direct, w.names()+script)
	require.NoError(t, err, "directly: %s\n%s", script, w.direct.explain())
	through, err = tryEval[T](w.through, w.names()+script)
	require.NoError(t, err, "through the vault: %s\n%s", script, w.through.explain())
	return through, direct
}
