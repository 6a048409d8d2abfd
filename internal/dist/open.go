package dist

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tokenvault/internal/config"
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

// CheckConfig returns an error unless the build was made for this configuration. What
// that leaves to discovery is as it was found at build time.
func (d *Dist) CheckConfig(c *config.Config) error {
	expected := *c
	expected.Clients = slices.Clone(c.Clients)
	fits := len(c.Clients) == len(d.Table.Clients)
	for i := range expected.Clients {
		client := &expected.Clients[i]
		if fits && client.Endpoints.Token.IsZero() {
			built := &d.Table.Clients[i]
			client.Endpoints = config.Endpoints{
				Token: built.Token, Revocation: built.Revocation, UserInfo: built.UserInfo, EndSession: built.EndSession,
				Authorization: built.SignIn.Authorization, Keys: built.SignIn.Keys, Pushed: built.SignIn.Pushed,
			}
			// A build with the configuration's would have the endpoint.
			fits = !client.SignIn.Pushed || !built.SignIn.Pushed.IsZero()
			client.SignIn.RequireIssuer = client.SignIn.RequireIssuer || built.SignIn.RequireIssuer
		}
	}
	if !fits || policy.Encode(expected.Table()) != d.Manifest.Table || pagesName(c.Pages) != d.Manifest.Pages ||
		c.App.Worker != d.Manifest.Worker || c.App.Scope != d.Manifest.Scope {
		return fmt.Errorf("%w; run tokenvault build again", ErrStale)
	}
	return nil
}
