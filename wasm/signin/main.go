//go:build js && wasm

// Command signin is the program of the vault's pages, compiled to WebAssembly: it
// signs in and out. It only wires: decisions are in package proxy (Pages), plumbing is
// in static/page.js. The frame has a program of its own, because it is loaded with
// each page of the app, and this one only when somebody signs in.
package main

import (
	"context"

	"tokenvault/internal/policy"
	"tokenvault/proxy"
	"tokenvault/wasm/memory"
	"tokenvault/wasm/vault"
)

// pages is the program's only one: configure makes it before anything else is called.
var pages *proxy.Pages

// host is what page.js offers us.
var host vault.Host

func main() {
	var err error
	if host, err = vault.MeetHost(); err != nil {
		println("Token Vault: the page gave no host object: " + err.Error())
		return
	}
	select {}
}

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
	environment, err := vault.Browser(func(string) {}) // a page keeps nothing in memory that could be out of date
	if err != nil {
		return memory.Answer(nil, err.Error())
	}
	pages = proxy.NewPages(table, environment)
	return memory.Answer(nil, "")
}

// perform takes the name of an operation and its fields, and reports later: the URL
// to go on to, the view to show, and its details.
//
//go:wasmexport perform
func perform(n uint32) {
	fields, err := memory.Fields(n)
	if err != nil {
		fields = nil
	}
	go func() {
		next := operate(context.Background(), fields)
		host.Settled(0, memory.Answer(nil, append([]string{next.URL, string(next.View)}, next.Details...)...))
	}()
}

func operate(ctx context.Context, fields []string) proxy.Page {
	// Our own script: that it sends what it does not is a fault of the build.
	fields = append(fields, make([]string, 5)...)
	returnTo := proxy.Target{Href: fields[2], Origin: fields[3], Path: fields[4]}
	switch fields[0] {
	case "login":
		return pages.Login(ctx, fields[1], returnTo)
	case "callback":
		return pages.Callback(ctx, fields[1], fields[2])
	case "confirm":
		return pages.Confirm(ctx, fields[1], fields[2])
	case "logout":
		return pages.Logout(ctx, fields[1], returnTo)
	case "frontchannel-logout":
		return pages.FrontChannelLogout(ctx, fields[1])
	default: // "signed-out"
		return pages.SignedOut(ctx, fields[1], fields[2])
	}
}

// abandon takes the fragment of the login page and a reason.
//
//go:wasmexport abandon
func abandon(n uint32) {
	if fields, err := memory.Fields(n); err == nil && len(fields) == 2 {
		pages.Abandon(fields[0], fields[1])
	}
}
