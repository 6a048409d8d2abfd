//go:build js && wasm

// Command interceptor is the service worker's half of Token Vault, compiled to
// WebAssembly. It only wires: decisions are in package interceptor, plumbing in
// static/interceptor.js.
package main

import (
	"tokenvault/interceptor"
	"tokenvault/internal/policy"
	"tokenvault/wasm/memory"
)

var current *interceptor.Interceptor

//go:wasmexport reserve
func reserve(n uint32) uint32 { return memory.Reserve(n) }

// configure takes the encoded policy and answers with "" or what is wrong with it.
//
//go:wasmexport configure
func configure(n uint32) uint32 {
	table, err := policy.Decode(string(memory.Bytes(n)))
	if err != nil {
		return memory.Answer(nil, err.Error())
	}
	current = interceptor.New(table)
	return memory.Answer(nil, "")
}

// route takes method and URL, and answers with an interceptor.Route.
//
//go:wasmexport route
func route(n uint32) uint32 {
	fields, err := memory.Fields(n)
	if err != nil || len(fields) != 2 || current == nil {
		return uint32(interceptor.Forward)
	}
	return uint32(current.Route(fields[0], fields[1]))
}

func main() { select {} }
