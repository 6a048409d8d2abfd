package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"tokenvault/internal/protocol"
)

var versionCommand = command{
	name:     "version",
	summary:  "print the versions of the command, its protocol and its Go release",
	examples: []string{"tokenvault version"},
	setup: func(*flag.FlagSet) action {
		return func(_ context.Context, stdout io.Writer) error {
			version := "(unknown)"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				version = info.Main.Version
			}
			_, err := fmt.Fprintf(stdout, "tokenvault %s, protocol %d, %s\n", version, protocol.Version, runtime.Version())
			return err
		}
	},
}
