package wasmbuild

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// modulePath is the module line by which the sources are recognized.
const modulePath = "tokenvault"

// FindSource returns the root of the module's sources: dir or the nearest
// directory above it whose go.mod names our module.
func FindSource(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoSource, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		switch {
		case err == nil && moduleOf(mod) == modulePath:
			return at, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("%w: %w", ErrNoSource, err)
		}
		if filepath.Dir(at) == at {
			return "", fmt.Errorf("%w: neither %s nor a directory above it has a go.mod of module %q; run the command inside a checkout, or name one with --source",
				ErrNoSource, start, modulePath)
		}
	}
}

// moduleOf returns the path that the module line of a go.mod states.
func moduleOf(mod []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(mod))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], `"`)
		}
	}
	return ""
}
