package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"tokenvault/internal/wasmbuild"
)

// What all tests share: building the binaries and starting a browser take
// seconds each.
var (
	binaries *wasmbuild.Output
	browsers = fleet{leases: map[string]*lease{}}
	scratch  string // a folder for files
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
	if scratch, err = os.MkdirTemp("", "tokenvault-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // a leftover folder in the temporary directory
	defer browsers.stop()
	return m.Run()
}
