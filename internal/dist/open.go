package dist

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tokenvault/internal/policy"
)

// Dist is a build, read and checked.
type Dist struct {
	Manifest *Manifest
	Table    *policy.Table // the policy baked in
	App      fs.FS         // the folder for the app origin
	Vault    fs.FS         // the folder for the vault origin
}

// Open reads a folder that [Build] wrote. Files that the manifest does not list
// are not part of it.
func Open(dir string) (*Dist, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; make it with tokenvault build", err)
	}
	defer root.Close() // opened for reading: nothing can be lost
	text, err := root.ReadFile(manifestName)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; make %s with tokenvault build", ErrForeign, err, dir)
	}
	manifest, err := decodeManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	table, err := policy.Decode(manifest.Table)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run tokenvault build again", ErrDamaged, err)
	}
	app, vault := files{}, files{}
	for _, listed := range manifest.Files {
		content, err := root.ReadFile(filepath.FromSlash(listed.Path))
		if err != nil {
			return nil, fmt.Errorf("%w: %w; run tokenvault build again", ErrDamaged, err)
		}
		if describe(listed.Path, content) != listed {
			return nil, fmt.Errorf("%w: %s is not the file that was built; run tokenvault build again", ErrDamaged, listed.Path)
		}
		if name, in := strings.CutPrefix(listed.Path, appFolder); in {
			app[name] = content
		} else if name, in := strings.CutPrefix(listed.Path, vaultFolder); in {
			vault[name] = content
		}
	}
	return &Dist{Manifest: manifest, Table: table, App: app, Vault: vault}, nil
}

// CheckConfig returns an error unless the build was made for this table, worker
// and scope. Endpoints that the table leaves open are the ones discovered at
// build time.
func (d *Dist) CheckConfig(table *policy.Table, worker, scope string) error {
	expected := *table
	expected.Clients = make([]policy.Client, len(table.Clients))
	for i, client := range table.Clients {
		if client.Token.IsZero() && i < len(d.Table.Clients) {
			built := d.Table.Clients[i]
			client.Token, client.Revocation = built.Token, built.Revocation
			client.UserInfo, client.EndSession = built.UserInfo, built.EndSession
		}
		expected.Clients[i] = client
	}
	if policy.Encode(&expected) != d.Manifest.Table || worker != d.Manifest.Worker || scope != d.Manifest.Scope {
		return fmt.Errorf("%w; run tokenvault build again", ErrStale)
	}
	return nil
}
