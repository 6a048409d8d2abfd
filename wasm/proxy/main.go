//go:build js && wasm

// Command proxy is the vault frame's half of Token Vault, compiled to
// WebAssembly. It only wires: decisions are in package proxy, plumbing in
// static/proxy.js.
//
// Exports run inside the call that JavaScript makes and never wait. What has to
// wait runs in a goroutine and reports by the one callback, host.settled. The
// scheduler does not run when an export returns, only with an event: JavaScript
// calls host.wake, a function that does nothing, after each export that starts
// a goroutine (configure, settle, perform).
package main

import (
	"context"
	"strconv"
	"time"
	"unsafe"

	"tokenvault/wasm/js"

	"tokenvault/internal/policy"
	"tokenvault/proxy"
	"tokenvault/wasm/browser"
	"tokenvault/wasm/locks"
	"tokenvault/wasm/memory"
)

// busName is the BroadcastChannel of the vault origin's frames.
const busName = "tokenvault"

// current is the program's only proxy: configure makes it before anything else
// is called.
var current *proxy.Proxy

func main() {
	if err := meetHost(); err != nil {
		println("Token Vault: the frame gave no host object: " + err.Error())
		return
	}
	select {}
}

// meetHost finds the host object and gives it wake, which lives as long as the
// program does.
func meetHost() (err error) {
	if hostObject, err = js.Global().Get("tokenvaultHost"); err != nil {
		return err
	}
	wake, err := js.FuncOf(func(js.Value, []js.Value) any { return nil })
	if err != nil {
		return err
	}
	return hostObject.Set("wake", wake)
}

// hostObject is what proxy.js offers us, and where it finds wake.
var hostObject js.Value

//go:wasmexport reserve
func reserve(n uint32) uint32 { return memory.Reserve(n) }

// configure takes the encoded policy and answers with "" or what is wrong.
//
//go:wasmexport configure
func configure(n uint32) uint32 {
	table, err := policy.Decode(string(memory.Bytes(n)))
	if err != nil {
		return memory.Answer(nil, err.Error())
	}
	database := newDatabase()
	bus, err := browser.NewChannel(busName, func(message string) { current.Heard(message) })
	if err != nil {
		return memory.Answer(nil, err.Error())
	}
	current = proxy.New(table, proxy.Browser{
		Store:   database,
		Sealer:  database,
		Locker:  locks.Locker{},
		Fetcher: browser.Fetcher{},
		Bus:     bus,
		Clock:   time.Now,
		Crypto:  &cryptography{database},
	}, tell)
	go current.Warm(context.Background())
	return memory.Answer(nil, "")
}

// admit takes origin and version of a window message, and answers with a
// proxy.Admission.
//
//go:wasmexport admit
func admit(fromParent, n uint32) uint32 {
	fields, err := memory.Fields(n)
	if err != nil || len(fields) != 2 {
		return uint32(proxy.Ignore)
	}
	return uint32(current.Admit(fields[0], fromParent == 1, fields[1]))
}

// begin takes the four parts of the parsed URL, then the message's fields.
//
//go:wasmexport begin
func begin(id, n uint32) uint32 {
	fields, err := memory.Fields(n)
	if err != nil || len(fields) < 4 {
		return answer(proxy.Answer{})
	}
	target := proxy.Target{Href: fields[0], Origin: fields[1], Path: fields[2], Query: fields[3]}
	return answer(current.Begin(id, target, fields[4:]))
}

// settle takes the request's body, where it was asked for, and reports later.
//
//go:wasmexport settle
func settle(id, n uint32) {
	body := append([]byte(nil), memory.Bytes(n)...)
	go func() {
		result := current.Settle(context.Background(), id, body)
		settled(id, answer(result))
	}()
}

// head takes statusText, the four parts of the URL that a redirect led to, or
// four times "", and the response's headers.
//
//go:wasmexport head
func head(id, status, n uint32) uint32 {
	fields, err := memory.Fields(n)
	if err != nil || len(fields) < 5 {
		return answer(proxy.Answer{})
	}
	return answer(current.Head(id, proxy.Response{
		Status: int(status), StatusText: fields[0], Headers: fields[5:],
		Redirected: proxy.Target{Href: fields[1], Origin: fields[2], Path: fields[3], Query: fields[4]},
	}))
}

// chunk takes a part of a body and answers with what may pass: a field that says
// how many of its bytes, from the first on, or other bytes.
//
//go:wasmexport chunk
func chunk(id, last, n uint32) uint32 {
	given := memory.Bytes(n)
	passed := current.Chunk(id, given, last == 1)
	if len(passed) <= len(given) && unsafe.SliceData(passed) == unsafe.SliceData(given) {
		return memory.Answer(nil, strconv.Itoa(len(passed)))
	}
	return memory.Answer(passed)
}

//go:wasmexport end
func end(id uint32) { current.End(id) }

// perform takes the fields of a call and reports later.
//
//go:wasmexport perform
func perform(id, n uint32) {
	fields, err := memory.Fields(n)
	if err != nil {
		fields = nil
	}
	go func() {
		settled(id, memory.Answer(nil, current.Call(context.Background(), fields)...))
	}()
}

// answer stores an answer for proxy.js: action, status, statusText, URL, the options
// that are set, the headers as one block, and the body.
func answer(a proxy.Answer) uint32 {
	options := ""
	if a.Scrub {
		options += " scrub"
	}
	if a.Cache {
		options += " cache"
	}
	if a.Manual {
		options += " manual"
	}
	var headers []byte
	for _, text := range a.Headers {
		headers = append(headers, text...)
		headers = append(headers, '\n')
	}
	return memory.Answer(a.Body,
		strconv.Itoa(int(a.Action)), strconv.Itoa(a.Status), a.StatusText, a.URL, options, string(headers))
}

// settled hands the answer at this address to JavaScript, which reads it before
// it returns.
func settled(id, address uint32) { host("settled", id, address) }

// tell sends an event to the embedding page.
func tell(event proxy.Event) {
	args := []any{event.Client, event.Name}
	for _, detail := range event.Details {
		args = append(args, detail)
	}
	host("tell", args...)
}

// host calls a function of proxy.js. One that throws is a fault of ours which
// nothing here can mend; it is on the console already.
func host(name string, args ...any) {
	if _, err := hostObject.Call(name, args...); err != nil {
		println("Token Vault: " + name + " failed: " + err.Error())
	}
}
