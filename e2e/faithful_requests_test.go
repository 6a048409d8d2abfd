package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

func TestEveryMethodArrivesAsThatOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, method := range everyMethod {
		for name, body := range map[string]string{"without a body": `undefined`, "with a body": `new Blob(["Grüße"], { type: "text/x-test" })`} {
			if name == "with a body" && (method == "GET" || method == "HEAD") {
				continue // no fetch has one
			}
			t.Run(method+" "+name, func(t *testing.T) {
				through, direct := evalBoth[sight](t, w, `return observe(U("/s/upload?a=%20+"), { method: `+js(method)+`, body: `+body+` })`)
				require.Equal(t, http.StatusOK, direct.Status)
				if method != "HEAD" {
					require.Equal(t, method, direct.Received.Method)
				}
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
			})
		}
	}
}

// Chromium sends a stream over HTTP/2 only, so over this server's HTTP/1.1 the direct
// request fails. Through the vault it goes: its bytes have to arrive as the same ones
// in a buffer would.
func TestStreamedUploadArrivesAsItsBytes(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	const parts = `
		const parts = [[0, 255, 13, 10], [], [128], new Array(70000).fill(7)].map((part) => new Uint8Array(part));
		const stream = (end) => new ReadableStream({
			pull(controller) {
				if (parts.length > 0) controller.enqueue(parts.shift());
				else end(controller);
			},
		});
		const send = (body) => observe(SEND);`
	for name, request := range map[string]string{
		"fetch":     `U("/s/upload"), { method: "POST", body, duplex: "half" }`,
		"a Request": `new Request(U("/s/upload"), { method: "POST", body, duplex: "half" })`,
	} {
		t.Run(name, func(t *testing.T) {
			parts := strings.ReplaceAll(parts, "SEND", request)
			through, direct := evalBoth[sight](t, w, parts+`return send(stream((controller) => controller.close()))`)
			assert.Equal(t, "TypeError", direct.Error, "this is no comparison any more: the server speaks HTTP/2")
			buffer := eval[sight](w.direct, w.names()+parts+`return send(new Blob(parts))`)
			require.Equal(t, 70005, buffer.Received.Length)
			assert.Equal(t, buffer.withoutLength(), through.withoutLength())

			seen := alike[sight](t, w, parts+`return send(stream((controller) => controller.error(new Error("broken"))))`)
			assert.Equal(t, "TypeError", seen.Error, "a stream that breaks off")
			// What is not on the list stays a stream.
			seen = alike[sight](t, w, strings.ReplaceAll(parts, "/s/upload", "/unlisted")+`return send(stream((controller) => controller.close()))`)
			assert.Equal(t, "TypeError", seen.Error)
		})
	}
}

func TestBodiesOfEverySizeAreThoseOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, kind := range []string{"binary", "text"} {
		for _, sizes := range []string{"", "0", "1", "0,0,0", "1,0,1", "65536,0,65536,1", "1,2,3,4,5,6,7,8,9"} {
			t.Run(kind+" in chunks of "+sizes, func(t *testing.T) {
				through, direct := evalBoth[sight](t, w, fmt.Sprintf(`return observe(api + "/public/chunks?type=%s&sizes=%s")`, kind, sizes))
				require.Equal(t, http.StatusOK, direct.Status)
				assert.Equal(t, direct, through)
			})
		}
		for _, size := range []int{0, 1, 200 << 20} {
			t.Run(fmt.Sprint(kind, " of ", size), func(t *testing.T) {
				through, direct := evalBoth[sight](t, w, fmt.Sprintf(`return observe(api + "/public/big?type=%s&size=%d")`, kind, size))
				require.Equal(t, size, direct.Length)
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
				if kind == "binary" {
					assert.Equal(t, direct.header("content-length"), through.header("content-length"))
				}
			})
		}
	}
}

func TestLargeUploadArrivesAsThatOfADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	got := alike[map[string]any](t, w, `
		const part = new Uint8Array(1 << 20).map((_, i) => i * 31);
		const body = new Blob(new Array(200).fill(part));
		return (await fetch(api + "/public/upload", { method: "PUT", body })).json()`)
	assert.EqualValues(t, 200<<20, got["length"])
}

// The vault never uses the browser's cache, and sends no referrer (DECISIONS.md): what
// the app sees is the same.
func TestRequestOptionsActAsInADirectFetch(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	rows := map[string]string{
		"priority high":               `{ priority: "high" }`,
		"priority low":                `{ priority: "low" }`,
		"keepalive":                   `{ keepalive: true }`,
		"mode cors":                   `{ mode: "cors" }`,
		"mode same-origin":            `{ mode: "same-origin" }`,
		"a window of none":            `{ window: null }`,
		"cache only-if-cached":        `{ cache: "only-if-cached" }`,
		"integrity, sha512":           `{ integrity: "sha512-AAAA" }`,
		"integrity of no known kind":  `{ integrity: "md5-AAAA" }`,
		"a referrer":                  `{ referrer: "/somewhere" }`,
		"no referrer":                 `{ referrer: "" }`,
		"a header that is forbidden":  `{ headers: { "Cookie": "a=b", "Host": "x", "Content-Length": "3" } }`,
		"a duplex without a body":     `{ duplex: "half" }`,
		"a signal that never aborts":  `{ signal: new AbortController().signal }`,
		"a redirect mode of follow":   `{ redirect: "follow" }`,
		"a redirect mode of error":    `{ redirect: "error" }`,
		"a redirect mode of manual":   `{ redirect: "manual" }`,
		"a GET with a body":           `{ body: "x" }`,
		"a method that is forbidden":  `{ method: "TRACE" }`,
		"a redirect mode of nonsense": `{ redirect: "nonsense" }`,
	}
	for _, mode := range []string{"default", "no-store", "reload", "no-cache", "force-cache"} {
		rows["cache "+mode] = `{ cache: ` + js(mode) + ` }`
	}
	for _, mode := range []string{"omit", "same-origin", "include"} {
		rows["credentials "+mode] = `{ credentials: ` + js(mode) + ` }`
	}
	for _, policy := range []string{"", "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url"} {
		rows["referrerPolicy "+policy] = `{ referrerPolicy: ` + js(policy) + ` }`
	}
	for name, options := range rows {
		t.Run(name, func(t *testing.T) {
			through, direct := evalBoth[sight](t, w, `return observe(U("/s/tagged"), `+options+`)`)
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
	}
	w.IDP.ClearRequests()
	eval[any](w.through, w.names()+`await fetch(api + "/public/text", { referrerPolicy: "unsafe-url" })`)
	for _, request := range w.calls() {
		assert.Empty(t, request.Header.Get("Referer"))
	}
}

func TestConditionalRequestOfTheAppIsAnsweredWith304(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for name, headers := range map[string]string{
		"the tag":                `{ "If-None-Match": first.headers.get("etag") }`,
		"the tag among others":   `{ "If-None-Match": '"x", ' + first.headers.get("etag") }`,
		"the date":               `{ "If-Modified-Since": first.headers.get("last-modified") }`,
		"the tag, only if it is": `{ "If-Match": first.headers.get("etag") }`,
		"another tag":            `{ "If-None-Match": '"x"' }`,
	} {
		for _, mode := range []string{"default", "no-cache"} {
			t.Run(name+", cache "+mode, func(t *testing.T) {
				through, direct := evalBoth[sight](t, w, `
					const first = await fetch(api + "/public/file");
					await first.arrayBuffer();
					return observe(api + "/public/file", { cache: `+js(mode)+`, headers: `+headers+` })`)
				switch name {
				case "another tag", "the tag, only if it is":
					require.Equal(t, http.StatusOK, direct.Status)
				default:
					require.Equal(t, http.StatusNotModified, direct.Status)
					require.Zero(t, direct.Length)
				}
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
			})
		}
	}
}

// Of a text the app gets all, where it asked for a part: a token cut into parts could
// not be found. Servers may always answer so (RFC 9110 §14.2), and apps are ready.
// The same for several parts in one body (multipart/byteranges), whose types nobody
// looks up. The direct request goes past the browser's cache, which makes up answers
// to ranges of its own.
func TestRangeIsThatOfADirectFetchAndOfATextTheWhole(t *testing.T) {
	t.Parallel()
	w := newFaithful(t)
	for _, asked := range []string{"bytes=0-0", "bytes=10-19", "bytes=100000-", "bytes=-5", "bytes=0-", "bytes=200000-", "bytes=0-1,5-6", "lines=1-2"} {
		t.Run("binary, "+asked, func(t *testing.T) {
			through, direct := evalBoth[sight](t, w, `return observe(api + "/public/file", { cache: "no-store", headers: { Range: `+js(asked)+` } })`)
			if asked == "bytes=0-1,5-6" {
				require.Equal(t, http.StatusPartialContent, direct.Status)
				direct = eval[sight](w.direct, w.names()+`return observe(api + "/public/file")`)
			}
			assert.Equal(t, direct.withoutLength(), through.withoutLength())
		})
		t.Run("text, "+asked, func(t *testing.T) {
			through, direct := evalBoth[sight](t, w, `return observe(api + "/public/file?type=text", { cache: "no-store", headers: { Range: `+js(asked)+` } })`)
			if direct.Status != http.StatusPartialContent {
				assert.Equal(t, direct.withoutLength(), through.withoutLength())
				return
			}
			whole := eval[sight](w.direct, w.names()+`return observe(api + "/public/file?type=text")`)
			require.Equal(t, bodyDigest(devidp.TextBody(100_003)), whole.SHA256)
			assert.Equal(t, whole.withoutLength(), through.withoutLength())
		})
	}
}
