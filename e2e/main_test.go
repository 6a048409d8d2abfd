package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"tokenvault/internal/chromium"
	"tokenvault/internal/wasmbuild"
)

// What all tests share: building the binaries and starting a browser take
// seconds each.
var (
	binaries *wasmbuild.Output
	browser  context.Context
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if binaries, err = wasmbuild.Build(ctx, wasmbuild.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	profile, err := os.MkdirTemp("", "tokenvault-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(profile) //nolint:errcheck // a leftover folder in the temporary directory
	var stop context.CancelFunc
	if browser, stop, err = chromium.Start(context.Background(), profile); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer stop()
	return m.Run()
}
