package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// stepping are the functions of a page that reads the API's /steps/{id}: the API sends
// a part when the one before it was acknowledged, so a part that is held back anywhere
// ends the test, and one that is not is seen at once, however slow the machine is.
const stepping = `
	const id = crypto.randomUUID();
	const steps = api + "/public/steps/" + id;
	const ack = async (n) => {
		const { status } = await fetch(steps + "/ack?n=" + n, { method: "POST" });
		if (status !== 204) throw new Error("the acknowledgement was refused: " + status);
	};
	// read acknowledges part n as soon as all its bytes are there.
	const read = async (response, size) => {
		const parts = [];
		const decoder = new TextDecoder("latin1");
		let text = "";
		for await (const chunk of response.body) {
			text += decoder.decode(chunk, { stream: true });
			while (text.length >= size(parts.length + 1)) {
				const length = size(parts.length + 1);
				parts.push(text.slice(0, length));
				text = text.slice(length);
				await ack(parts.length);
			}
		}
		return { parts, rest: text };
	};
	const lines = (end) => async (response) => {
		const parts = [];
		const decoder = new TextDecoder();
		let text = "";
		for await (const chunk of response.body) {
			text += decoder.decode(chunk, { stream: true });
			for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end)) {
				parts.push(text.slice(0, at));
				text = text.slice(at + end.length);
				await ack(parts.length);
			}
		}
		return { parts, rest: text };
	};`

func TestEachPartOfAStreamArrivesAsItIsSent(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, script := range map[string]string{
		"server-sent events, by fetch": `return lines("\n\n")(await fetch(steps + "?count=5"))`,
		"lines of JSON":                `return lines("\n")(await fetch(steps + "?count=5&as=ndjson"))`,
		"text":                         `return lines("\n")(await fetch(steps + "?count=5&as=text"))`,
		"binary":                       `return read(await fetch(steps + "?count=5&as=binary"), () => 1000)`,
		"binary, into a buffer of the app's": `
			const reader = (await fetch(steps + "?count=3&as=binary")).body;
			const bytes = reader.pipeThrough(new TransformStream());
			return read({ body: bytes }, () => 1000)`,
		"the head before the body": `
			const response = await fetch(steps + "?count=2&as=text&head");
			await ack(0);
			return lines("\n")(response)`,
		"the head before the body, binary": `
			const response = await fetch(steps + "?count=2&as=binary&head");
			await ack(0);
			return read(response, () => 1000)`,
		"a clone": `
			const response = await fetch(steps + "?count=3&as=ndjson");
			const clone = response.clone();
			const [first, second] = await Promise.all([lines("\n")(response), clone.text()]);
			return { parts: first.parts, rest: second }`,
		"XMLHttpRequest of JSON": stepByXHR("ndjson"),
		"a worker": `
			const worker = new Worker(URL.createObjectURL(new Blob(["onmessage = async ({ data: url }) => {" +
				"const response = await fetch(url); for await (const chunk of response.body) postMessage(new TextDecoder().decode(chunk)); postMessage(null) }"])));
			let text = "", count = 0;
			worker.postMessage(steps + "?count=3&as=text");
			return new Promise((resolve, reject) => {
				worker.onerror = reject;
				worker.onmessage = ({ data }) => {
					if (data === null) return resolve({ rest: text });
					text += data;
					for (; count < text.split("\n").length - 1; ) ack(++count).catch(reject);
				};
			})`,
	} {
		t.Run(name, func(t *testing.T) {
			alike[any](t, w, stepping+script)
		})
	}
}

// stepByXHR fails when a part that was sent is not there after a while, for it would
// be waited for without end.
func stepByXHR(as string) string {
	return `return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		const states = [], parts = [];
		request.open("GET", steps + "?count=3&as=` + as + `");
		request.onreadystatechange = () => {
			if (states.at(-1) !== request.readyState) states.push(request.readyState);
		};
		request.onprogress = () => {
			const seen = request.responseText.split("\n").length - 1;
			if (seen > parts.length) {
				parts.push(request.responseText);
				ack(seen).catch(reject);
			}
		};
		request.onload = () => resolve({ states, parts, rest: request.responseText });
		request.timeout = 5000;
		request.ontimeout = () => reject(new Error("held back after part " + parts.length + " in state " + request.readyState));
		request.onerror = reject;
		request.send();
	})`
}

// What it does when a stream ends is in TestWhatAnyServiceWorkerChanges.
func TestEventSourceActsAsADirectOne(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const listen = stepping + `
		const seen = [];
		const source = new EventSource(steps + "?count=3", init);
		source.onopen = () => seen.push("open " + source.readyState);
		source.addEventListener("step", (event) => {
			seen.push([event.type, event.data, event.lastEventId].join());
			ack(Number(event.lastEventId)).catch(() => source.close());
		});`
	for name, init := range map[string]string{"without credentials": `{}`, "with credentials": `{ withCredentials: true }`} {
		t.Run(name, func(t *testing.T) {
			got := alike[[]string](t, w, `const init = `+init+`;`+listen+`
				await new Promise((resolve) => { source.onerror = resolve });
				source.close();
				return seen`)
			assert.Equal(t, []string{"open 1", `step,{"n":1,"of":3},1`, `step,{"n":2,"of":3},2`, `step,{"n":3,"of":3},3`}, got)
		})
	}
	t.Run("refused by the server", func(t *testing.T) {
		got := alike[string](t, w, `return new Promise((resolve) => {
			const source = new EventSource(api + "/public/status/404");
			source.onerror = () => resolve("error " + source.readyState);
		})`)
		assert.Equal(t, "error 2", got)
	})
	t.Run("of another type", func(t *testing.T) {
		got := alike[string](t, w, `return new Promise((resolve) => {
			const source = new EventSource(api + "/public/text");
			source.onerror = () => resolve("error " + source.readyState);
		})`)
		assert.Equal(t, "error 2", got)
	})
	t.Run("origin of an event", func(t *testing.T) {
		alike[bool](t, w, `const init = {};`+listen+`return new Promise((resolve) => {
			source.addEventListener("step", ({ origin }) => { source.close(); resolve(origin === api) });
		})`)
	})
}

// TestTokensNeverLeaveAStream has the API echo the token into a stream, cut at every
// place in turn, several times over, and between parts that the app waits for.
func TestTokensNeverLeaveAStream(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	token := w.token(devidp.AccessToken)
	const batch = 100
	for from := 0; from <= len(token); from += batch {
		t.Run(fmt.Sprint("cut from byte ", from), func(t *testing.T) {
			texts := eval[[]string](w.through, w.names()+fmt.Sprintf(`
				const texts = [];
				for (let split = %d; split <= %d; split += 1) {
					texts.push(fetch(api + "/v1/echo?as=chunked&pause=0&times=3&split=" + split).then((response) => {
						if (response.headers.has("content-length")) throw new Error("a length");
						return response.text();
					}));
				}
				return [...new Set(await Promise.all(texts))]`, from, min(from+batch-1, len(token))))
			const once = "before REDACTED after"
			assert.Equal(t, []string{once + once + once}, texts)
		})
	}
}

// TestLengthOfAScrubbedBodyIsTrue holds for each kind of echo: a Content-Length, where
// there is one, is the number of bytes that come.
func TestLengthOfAScrubbedBodyIsTrue(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, as := range []string{"json", "escaped", "percent", "html", "text", "header", "binary"} {
		t.Run(as, func(t *testing.T) {
			for _, read := range []string{
				`const response = await fetch(url);
				 return [response.headers.get("content-length"), (await response.arrayBuffer()).byteLength]`,
				`return new Promise((resolve) => {
					const request = new XMLHttpRequest();
					request.open("GET", url);
					request.responseType = "arraybuffer";
					request.onload = ({ loaded, total, lengthComputable }) => resolve([
						request.getResponseHeader("content-length") ?? (lengthComputable ? String(total) : null), loaded]);
					request.send();
				})`,
			} {
				got := eval[[]any](w.through, w.names()+`const url = api + "/v1/echo?as=`+as+`";`+read)
				if got[0] != nil {
					assert.Equal(t, got[0], fmt.Sprint(got[1]))
				}
				assert.NotZero(t, got[1])
			}
		})
	}
	t.Run("without a body", func(t *testing.T) {
		for _, as := range []string{"text", "binary"} {
			got := eval[sight](w.through, w.names()+`return observe(api + "/v1/echo?as=`+as+`", { method: "HEAD" })`)
			require.Equal(t, http.StatusOK, got.Status)
			if length := got.header("content-length"); length != "" && as == "text" {
				assert.Fail(t, "the length of a body that would be redacted", length)
			}
		}
	})
}
