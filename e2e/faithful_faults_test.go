package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

func TestServerThatGoesAndComesBackIsSeenAsDirectly(t *testing.T) {
	t.Parallel()
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

// TestBodyThatBreaksOffGivesWhatCameAndThenFails has the connection cut after the app
// has read what came before, which is the last moment to read it: Chromium drops what
// was not read when the cut is noticed, of a direct response too.
func TestBodyThatBreaksOffGivesWhatCameAndThenFails(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, script := range map[string]string{
		"binary": `return drain(await fetch(steps + "?count=3&as=binary&cut"), 1000)`,
		"text":   `return drain(await fetch(steps + "?count=3&as=text&cut"), new TextEncoder().encode("part 1 of 3: Grüße\n").length)`,
	} {
		t.Run(name, func(t *testing.T) {
			got := alike[[]any](t, w, stepping+`
				const drain = async (response, size) => {
					let length = 0, parts = 0;
					try {
						for await (const chunk of response.body) {
							for (length += chunk.length; length >= (parts + 1) * size; ) await ack(++parts);
						}
						return [parts, length === parts * size, "the end"];
					} catch (error) { return [parts, length === parts * size, error.name] }
				};`+script)
			assert.Equal(t, []any{3.0, true, "TypeError"}, got)
		})
	}
	for name, script := range map[string]string{
		"in 3 MB":      `for await (const chunk of response.body);`,
		"as bytes":     `await response.arrayBuffer()`,
		"as text":      `await response.text()`,
		"as JSON":      `await response.json()`,
		"as form data": `await response.formData()`,
	} {
		t.Run(name, func(t *testing.T) {
			after := 1000
			if name == "in 3 MB" {
				after = 3_000_000
			}
			assert.Equal(t, "TypeError", alike[string](t, w, fmt.Sprintf(`
				const response = await fetch(api + "/public/drop?after=%d");
				try { %s } catch (error) { return error.name }
				return "the end"`, after, script)))
		})
	}
}

// The deadline is for the head of a response. After it a body may take its time. It is
// not parallel: the deadline is short.
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
