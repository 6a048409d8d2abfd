//go:build js && wasm

package browser

import (
	"context"
	"errors"

	"tokenvault/wasm/js"

	"tokenvault/proxy"
)

// maxBody limits an answer that is kept in memory as a whole. Token, user info
// and revocation answers are a few kilobytes; a megabyte is somebody's mistake
// or attack.
const maxBody = 1 << 20

var (
	// ErrBodyTooLarge is an answer of more than 1 MiB.
	ErrBodyTooLarge = errors.New("browser: response body is larger than 1 MiB")
	// errOddHeaders is a list of names and values that lacks the last value.
	errOddHeaders = errors.New("browser: header list has a name without a value")
)

// Fetcher performs the requests that the vault makes for itself, such as token
// requests. They are never cached, tell nobody where they come from, and follow
// no redirect: a token endpoint that redirects would have the browser send the
// code or the refresh token to wherever the redirect points.
type Fetcher struct{}

var _ proxy.Fetcher = Fetcher{}

// Fetch implements proxy.Fetcher. A request that the browser refuses to make,
// such as one with a malformed header, is an error that is not
// proxy.ErrNetwork. When ctx ends, the request is aborted and the error is
// ctx.Err().
func (Fetcher) Fetch(ctx context.Context, request proxy.FetchRequest) (answer proxy.FetchResponse, err error) {
	if err := ctx.Err(); err != nil {
		return proxy.FetchResponse{}, err
	}
	var script Script
	controller := script.New("AbortController")
	outgoing := newRequest(&script, request, script.Get(controller, "signal"))
	if err := script.Err(); err != nil {
		return proxy.FetchResponse{}, err
	}
	// After a whole answer there is nothing left to abort. After anything else
	// (ctx ended, body too large) this is what frees the connection.
	defer func() {
		var end Script
		end.Call(controller, "abort")
		if end.Err() != nil {
			err = errors.Join(err, end.Err())
		}
	}()

	response := script.Await(ctx, script.Call(js.Global(), "fetch", outgoing))
	if err := script.Err(); err != nil {
		return proxy.FetchResponse{}, networkError(err)
	}
	body, err := readBody(ctx, script.Get(response, "body"))
	if err != nil {
		return proxy.FetchResponse{}, networkError(err)
	}
	answer = proxy.FetchResponse{
		Status:     script.Int(script.Get(response, "status")),
		StatusText: script.Text(script.Get(response, "statusText")),
		URL:        script.Text(script.Get(response, "url")),
		Headers:    headerList(&script, script.Get(response, "headers")),
		Body:       body,
	}
	return answer, script.Err()
}

// newRequest makes the Request object. A mistake in the request throws here, and
// is so kept apart from a network failure: fetch reports both as a TypeError.
func newRequest(script *Script, request proxy.FetchRequest, signal js.Value) js.Value {
	if len(request.Headers)%2 != 0 {
		script.fail(errOddHeaders)
	}
	headers := script.New("Headers")
	for i := 0; i+1 < len(request.Headers); i += 2 {
		script.Call(headers, "append", request.Headers[i], request.Headers[i+1])
	}
	credentials := request.Credentials
	if credentials == "" {
		credentials = "omit" // the safe one; fetch would choose same-origin
	}
	init := map[string]any{
		"method":         request.Method,
		"headers":        headers,
		"credentials":    credentials,
		"mode":           "cors",
		"redirect":       "error",
		"cache":          "no-store",
		"referrerPolicy": "no-referrer",
		"signal":         signal,
	}
	if len(request.Body) > 0 {
		init["body"] = script.Uint8Array(request.Body)
	}
	return script.New("Request", request.URL, init)
}

// readBody reads a ReadableStream, chunk by chunk so that the limit holds
// whatever Content-Length says: it is not there, or counts compressed bytes.
func readBody(ctx context.Context, stream js.Value) ([]byte, error) {
	if stream.IsNull() { // 204, 205, 304, or the answer to HEAD
		return nil, nil
	}
	var script Script
	var body []byte
	reader := script.Call(stream, "getReader")
	for {
		step := script.Await(ctx, script.Call(reader, "read"))
		if done := script.Bool(script.Get(step, "done")); done || script.Err() != nil {
			return body, script.Err()
		}
		chunk := script.Get(step, "value")
		if len(body)+script.Length(chunk) > maxBody {
			return nil, ErrBodyTooLarge
		}
		body = append(body, script.Bytes(chunk)...)
	}
}

// headerList flattens a Headers object, in its order.
func headerList(script *Script, headers js.Value) []string {
	pairs := script.Call(script.Global("Array"), "from", headers)
	count := script.Length(pairs)
	list := make([]string, 0, 2*count)
	for i := range count {
		pair := script.Index(pairs, i)
		list = append(list, script.Text(script.Index(pair, 0)), script.Text(script.Index(pair, 1)))
	}
	return list
}

// networkError marks what fetch means by a TypeError: that no response came, or
// that it broke off.
func networkError(err error) error {
	var thrown *Error
	if errors.As(err, &thrown) && thrown.Name == "TypeError" {
		return WithKind(proxy.ErrNetwork, err)
	}
	return err
}
