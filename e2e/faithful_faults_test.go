package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

func TestServerThatGoesAndComesBackIsSeenAsDirectly(t *testing.T) {
	w := newFaithful(t)
	const script = `return observe(api + "/public/text")`
	before, _ := evalBoth[sight](t, w, script)
	require.Equal(t, 200, before.Status)

	const stream = `
		window.reader = (await fetch(api + "/public/sse?count=100000&interval=20")).body.getReader();
		await window.reader.read();`
	_, _ = evalBoth[any](t, w, stream)
	require.NoError(t, w.StopAPI())

	rest := alike[string](t, w, `
		try {
			for (;;) if ((await window.reader.read()).done) return "the end";
		} catch (error) { return error.name }`)
	assert.Equal(t, "TypeError", rest, "a stream breaks off")
	for _, request := range []string{script, `return observe(api + "/public/upload", { method: "POST", body: "x" })`} {
		assert.Equal(t, "TypeError", alike[sight](t, w, request).Error)
	}
	code := alike[string](t, w, `return new Promise((resolve) => {
		const request = new XMLHttpRequest();
		request.open("GET", api + "/public/text");
		request.onloadend = () => resolve([request.status, request.readyState, request.responseText].join());
		request.send();
	})`)
	assert.Equal(t, "0,4,", code)

	require.NoError(t, w.StartAPI(t.Context()))
	after, direct := evalBoth[sight](t, w, script)
	assert.Equal(t, before, after)
	assert.Equal(t, direct.withoutLength(), after.withoutLength())
	w.mustServe(w.through)
}

// TestBodyThatBreaksOffGivesWhatCameAndThenFails reads what came before the connection
// was cut, and the cut as an error.
func TestBodyThatBreaksOffGivesWhatCameAndThenFails(t *testing.T) {
	w := newFaithful(t)
	for name, script := range map[string]string{
		"a few bytes":  `const response = await fetch(api + "/public/drop?after=1000"); return [await drain(response)]`,
		"3 MB":         `const response = await fetch(api + "/public/drop?after=3000000"); const [, error] = await drain(response); return [error]`,
		"as text":      `return (await fetch(api + "/public/drop?after=1000")).text().then(() => "text", (error) => error.name)`,
		"as JSON":      `return (await fetch(api + "/public/drop?after=1000")).json().then(() => "json", (error) => error.name)`,
		"as form data": `return (await fetch(api + "/public/drop?after=1000")).formData().then(() => "form", (error) => error.name)`,
	} {
		t.Run(name, func(t *testing.T) {
			alike[any](t, w, `
				const drain = async (response) => {
					let length = 0;
					try {
						for await (const chunk of response.body) length += chunk.length;
						return [length, "the end"];
					} catch (error) { return [length, error.name] }
				};`+script)
		})
	}
}

// The deadline is for the head of a response. After it a body may take its time.
func TestDeadlineIsForTheHeadAlone(t *testing.T) {
	w := newFaithful(t, func(c *demo.Configuration) { c.RequestTimeout = "1s" })
	events := alike[int](t, w, `
		const text = await (await fetch(api + "/public/sse?count=4&interval=500")).text();
		return text.split("event: tick").length - 1`)
	assert.Equal(t, 4, events)

	direct := eval[sight](w.direct, w.names()+`return observe(api + "/public/slow?ms=1500")`)
	assert.Equal(t, 200, direct.Status)
	through := eval[sight](w.through, w.names()+`return observe(api + "/public/slow?ms=1500")`)
	assert.Equal(t, 504, through.Status)
	assert.Equal(t, "Token Vault", through.StatusText)
	w.waitRequest(func(r devidp.Request) bool { return r.Path == "/public/slow" && r.Aborted })
}
