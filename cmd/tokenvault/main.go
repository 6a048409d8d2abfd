// Command tokenvault builds, serves and shows Token Vault. This package wires
// flags to packages; what it does is in internal/config, internal/dist,
// internal/demo and static.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal, while the command is still stopping, ends it at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
