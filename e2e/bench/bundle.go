package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// bundle makes one script of a page's script and of the npm packages that it
// imports. settings are what the script knows as SETTINGS.
func bundle(ctx context.Context, root, name string, settings any) ([]byte, error) {
	defined, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	esbuild := filepath.Join(root, "node_modules", ".bin", "esbuild")
	source := filepath.Join(root, "e2e", "bench", "pages", name)
	command := exec.CommandContext(ctx, esbuild, source, "--bundle", "--minify", "--format=iife", "--target=es2022", "--define:SETTINGS="+string(defined))
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("esbuild could not bundle %s (make node_modules first): %w", name, err)
	}
	return text, nil
}
