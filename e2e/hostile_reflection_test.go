package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// unescaped undoes the escapes in which a token may come back.
func unescaped(t testing.TB, text string) string {
	t.Helper()
	text = strings.NewReplacer(`\u00`, "%").Replace(strings.ReplaceAll(text, "%", "%25"))
	text, err := url.PathUnescape(text)
	require.NoError(t, err)
	if again, err := url.PathUnescape(text); err == nil {
		return text + again
	}
	return text
}

// echoed asks a URL with the real token, from outside the browser, and returns the
// answer as text: what the browser would have got without a vault.
func (s *site) echoed(target string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, target, http.NoBody)
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer "+s.token(devidp.AccessToken))
	response, err := loopback(s.t).Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return fmt.Sprint(response.Request.URL, response.Header, string(body))
}

// read is all that a script can read of a response.
type read struct {
	Status                         int
	StatusText, URL, Headers, Body string
}

func (r read) String() string { return r.StatusText + r.URL + r.Headers + r.Body }

// TestReflectedTokensAreScrubbed asks APIs that give the token back, in every way
// but those that the next test names. The control is the same request without a
// vault: the token is in the answer.
func TestReflectedTokensAreScrubbed(t *testing.T) {
	t.Parallel()
	careless := newWitness(t)
	s := newHostileSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			main := &c.Clients[0]
			main.Resources = append(main.Resources, demo.Resource{URL: careless.at(carelessHost) + "/api/*"})
			main.Endpoints.UserInfo = careless.at(carelessHost) + "/userinfo"
		}
	})
	p := s.signInHostile()
	api, other := s.APIURL+"/v1/echo", careless.at(carelessHost)
	for _, row := range []struct{ name, url string }{
		{"as JSON", api},
		{"in JSON, escaped", api + "?as=escaped"},
		{"escaped by percent", api + "?as=percent"},
		{"in HTML", api + "?as=html"},
		{"as text", api + "?as=text"},
		{"in headers", api + "?as=header"},
		{"in two chunks", api + "?as=chunked"},
		{"in an error", api + "?as=text&status=500"},
		{"in an error page", other + "/api/x?as=error"},
		{"in headers, their names, cookies and places", other + "/api/x?as=headers"},
		{"in a stream of events", other + "/api/x?as=sse"},
		{"in the final URL", other + "/api/x?as=redirect"},
		{"in what a UserInfo endpoint says", other + "/userinfo?as=error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.NotEmpty(t, s.found(unescaped(t, s.echoed(row.url))), "control: without a vault the token is there")
			got := eval[read](p, `return readOut(await fetch(`+js(row.url)+`))`)
			forged := eval[outcome](p, `return (await new Line().ready).ask({ url: `+js(row.url)+` })`)
			for _, text := range []string{got.String(), fmt.Sprint(forged)} {
				assert.Empty(t, s.found(text))
				assert.Empty(t, s.found(unescaped(t, text)))
				assert.Empty(t, s.foundInAnyCase(text), "browsers write the names of headers in lower case")
			}
			if !strings.Contains(row.url, "as=redirect") { // the page's URL is the one it asked for
				assert.Contains(t, got.String(), "REDACTED", "it was there")
			}
		})
	}
	s.noToken(unescaped(t, eval[string](p, `return heard.join('\n')`)), "the messages")
}

// TestTokenCutAtEveryByteIsScrubbed has the API flush its echo after each byte of
// the token in turn.
func TestTokenCutAtEveryByteIsScrubbed(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	size := len(s.token(devidp.AccessToken))
	bodies := eval[[]string](p, `
		const bodies = [];
		let split = 0;
		const reader = async () => {
			while (split <= `+js(size)+`) {
				const response = await fetch(`+js(s.APIURL+"/v1/echo?as=chunked&pause=2&split=")+` + split++);
				bodies.push(await response.text());
			}
		};
		await Promise.all(Array.from({ length: 5 }, reader));
		return bodies;`)
	require.Len(t, bodies, size+1)
	for _, body := range bodies {
		require.Equal(t, "before REDACTED after", body)
	}
	require.NotEmpty(t, s.found(s.echoed(s.APIURL+"/v1/echo?as=chunked&split=100")), "control: without a vault the token is there")
}

// TestTransformedTokensAreALimit writes down what scrubbing cannot do: an API that
// encodes the token, or hides it in binary data, gives it away. SECURITY.md says so.
func TestTransformedTokensAreALimit(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	encoded := eval[read](p, `return readOut(await fetch(`+js(s.APIURL+"/v1/echo?as=base64")+`))`)
	decoded, err := base64.StdEncoding.DecodeString(encoded.Body)
	require.NoError(t, err)
	assert.NotEmpty(t, s.found(string(decoded)), "base64 passes: mend the documentation if it does not any more")
	binary := eval[read](p, `return readOut(await fetch(`+js(s.APIURL+"/v1/echo?as=binary")+`))`)
	assert.NotEmpty(t, s.found(binary.Body), "binary data passes: mend the documentation if it does not any more")
}

// TestAppCannotReadTheVaultsCache has a careless API let its echo be cached, and reads
// the browser's cache from the app, which is of the same site and shares it. The
// control is the same answer after a request of the app's own: that one is cached.
func TestAppCannotReadTheVaultsCache(t *testing.T) {
	t.Parallel()
	careless := newWitness(t)
	s := newHostileSite(t, careless.withResource(carelessHost))
	p := s.signInHostile()
	at := careless.at(carelessHost)
	eval[any](p, `
		window.around = document.createElement('iframe');
		for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
		around.src = '/e2e/plain.html?around';
		const loaded = new Promise((resolve) => around.addEventListener('load', resolve));
		document.body.append(around);
		await loaded;
		window.cached = async (url) => {
			const response = await around.contentWindow.fetch(url, { cache: 'force-cache' });
			return response.text();
		};`)
	require.True(t, eval[bool](p, `return around.contentWindow.navigator.serviceWorker.controller === null`), "a frame without the worker")
	got := eval[outcome](p, `return (await new Line().ready).ask({ url: `+js(at+"/api/x?as=cached")+` })`)
	require.Equal(t, "token=REDACTED", got.Body)
	s.noToken(eval[string](p, `return cached(`+js(at+"/api/x?as=cached")+`)`), "the cache")

	// What a redirect leads to does not say what may be stored of the redirect.
	for range 2 {
		eval[outcome](p, `return (await new Line().ready).ask({ url: `+js(at+"/api/z?as=moved")+` })`)
	}
	moved := len(careless.requests())
	s.noToken(eval[string](p, `return (await around.contentWindow.fetch(`+js(at+"/api/z?as=moved")+`, { cache: 'force-cache' })).url`), "the cached redirect")
	assert.Len(t, careless.requests(), moved+2, "the redirect was not in the cache")

	before := len(careless.requests())
	eval[string](p, `return cached(`+js(at+"/api/y?as=cached")+`)`)
	eval[string](p, `return cached(`+js(at+"/api/y?as=cached")+`)`)
	assert.Len(t, careless.requests(), before+1, "control: the cache answers the app's second request")
}

// TestPartsOfATokenAreNotServed asks a careless API for ranges of its echo. Each part
// is shorter than the token, which is what scrubbing looks for.
func TestPartsOfATokenAreNotServed(t *testing.T) {
	t.Parallel()
	careless := newWitness(t)
	s := newHostileSite(t, careless.withResource(carelessHost))
	p := s.signInHostile()
	target := careless.at(carelessHost) + "/api/x?as=range"
	loot := eval[string](p, `
		let loot = '';
		for (let at = 0; at < `+js(len(s.token(devidp.AccessToken))+6)+`; at += 200) {
			const response = await fetch(`+js(target)+`, { headers: { range: 'bytes=' + at + '-' + (at + 199) } });
			if (response.ok) loot += await response.text();
		}
		return loot;`)
	s.noToken(loot, "the parts, put together")
	whole := eval[string](p, `return (await fetch(`+js(target)+`)).text()`)
	assert.Equal(t, "token=REDACTED", whole, "control: the echo works")
	require.NotEmpty(t, s.found(s.echoed(target)))
}

// TestIntegrityIsNoOracle lets the attacker guess at an answer by its hash: the
// vault checks none, and the browser checks what the page gets, so a right guess fails.
func TestIntegrityIsNoOracle(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	url := s.APIURL + "/v1/echo?as=text"
	right := integrityOf("token=" + s.token(devidp.AccessToken) + "\n")
	fetched := func(guess string) bool {
		return eval[bool](p, `return fetch(`+js(url)+`, { integrity: `+js(guess)+` }).then(() => true, () => false)`)
	}
	assert.False(t, fetched(right), "the app's own check sees what the app sees")
	assert.True(t, fetched(integrityOf("token=REDACTED\n")), "control: integrity works for the app")
}
