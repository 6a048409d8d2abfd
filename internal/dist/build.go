package dist

import (
	"context"

	"tokenvault/internal/config"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// Options of [Build].
type Options struct {
	// Config is validated and, where it leaves endpoints to discovery, has
	// been through config.Discover.
	Config *config.Config
	// Out is the folder to write. An older build there is replaced.
	Out string
	// Wasm are the binaries. Nil: built out of Source with the tool Go.
	Wasm *wasmbuild.Output
	// Source and Go are wasmbuild's options of those names.
	Source, Go string
	// Compression of the twins beside the files.
	Compression Compression
}

// Build writes a deployment and returns its manifest.
func Build(ctx context.Context, options Options) (*Manifest, error) {
	wasm := options.Wasm
	if wasm == nil {
		built, err := wasmbuild.Build(ctx, wasmbuild.Options{Source: options.Source, Go: options.Go})
		if err != nil {
			return nil, err
		}
		wasm = built
	}
	// Here again, and not only where they were built: these are shipped.
	if err := wasm.Verify(); err != nil {
		return nil, err
	}
	table := options.Config.Table()
	if err := table.Check(); err != nil {
		return nil, err
	}
	return build(ctx, inputs{
		table: table, worker: options.Config.App.Worker, scope: options.Config.App.Scope,
		pages: options.Config.Pages, scripts: static.Files, wasm: wasm,
	}, options.Out, options.Compression)
}

// build writes the deployment that follows from the inputs.
func build(ctx context.Context, in inputs, out string, compression Compression) (*Manifest, error) {
	all, name, err := assemble(in)
	if err != nil {
		return nil, err
	}
	addHeaderFiles(in, all)
	if err := compress(ctx, all, compression); err != nil {
		return nil, err
	}
	manifest := newManifest(in, name, all)
	all[manifestName] = manifest.encode()
	return manifest, write(out, all)
}
