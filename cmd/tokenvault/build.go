package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"tokenvault/internal/dist"
)

var buildCommand = command{
	name:    "build",
	summary: "make the two folders to deploy out of a configuration",
	examples: []string{
		"tokenvault build",
		"tokenvault build --config tokenvault.json --out dist",
		"tokenvault build --fast     # while trying out: seconds less, larger files",
		"tokenvault build --source ~/src/tokenvault    # the command runs outside its checkout",
	},
	setup: func(flags *flag.FlagSet) action {
		file := configFlag(flags)
		out := flags.String("out", "dist", "`folder` to write; an older build there is replaced")
		fast := flags.Bool("fast", false, "compress quickly and less well; not for what is deployed")
		source := flags.String("source", ".", "`folder` of Token Vault's sources, or one inside them")
		return func(ctx context.Context, stdout io.Writer) error {
			loaded, err := loadDiscovered(ctx, *file)
			if err != nil {
				return err
			}
			options := dist.Options{Config: loaded, Out: *out, Source: *source}
			if *fast {
				options.Compression = dist.Fast
			}
			manifest, err := dist.Build(ctx, options)
			if err != nil {
				return err
			}
			register := ""
			if loaded.SignsIn() {
				register = "\nFor the clients that the vault signs in, register at the authorization server, and no URL of the app:\n\n" +
					registrations(loaded.Vault.Origin, "  ")
			}
			_, err = fmt.Fprintf(stdout, `Build %s by %s:

  %[3]s/app      copy its files into the root of %[4]s
  %[3]s/vault    serve it, and nothing else, as %[5]s
  %[3]s/headers  headers of both for nginx and Caddy; static hosts read _headers

In the app's page, before every other script: <script src="/tokenvault.js"></script>
%[6]s`, manifest.Build, manifest.Go, *out, loaded.App.Origin, loaded.Vault.Origin, register)
			return err
		}
	},
}
