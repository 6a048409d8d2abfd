package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"tokenvault/internal/config"
	"tokenvault/internal/protocol"
)

// discoveryTimeout is for all issuers together.
const discoveryTimeout = 30 * time.Second

var checkCommand = command{
	name:    "check",
	summary: "validate a configuration and say what it protects",
	examples: []string{
		"tokenvault check",
		"tokenvault check --config staging.json",
		"tokenvault check --discover    # also ask the issuers for their endpoints",
	},
	setup: func(flags *flag.FlagSet) action {
		file := configFlag(flags)
		discover := flags.Bool("discover", false, "ask the issuers for endpoints that the configuration leaves open, as build does")
		return func(ctx context.Context, stdout io.Writer) error {
			load := config.Load
			if *discover {
				load = func(path string) (*config.Config, error) { return loadDiscovered(ctx, path) }
			}
			loaded, err := load(*file)
			if err != nil {
				return err
			}
			return describe(stdout, *file, loaded)
		}
	},
}

// loadDiscovered loads a configuration and completes its endpoints.
func loadDiscovered(ctx context.Context, file string) (*config.Config, error) {
	loaded, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	return loaded, config.Discover(ctx, discoveryClient(), loaded)
}

// describe prints what a valid configuration means.
func describe(w io.Writer, file string, loaded *config.Config) error {
	var b strings.Builder
	table := loaded.Table()
	fmt.Fprintf(&b, "%s is valid.\n\n  app    %s\n  vault  %s\n", file, table.AppOrigin, table.VaultOrigin)
	for i, client := range table.Clients {
		token := client.Token.URL()
		if token == "" {
			token = "by discovery from " + client.Issuer
		}
		fmt.Fprintf(&b, "\n  client %s (%s)\n    token endpoint  %s\n", client.Name, client.ID, token)
		for _, resource := range client.Resources {
			fmt.Fprintf(&b, "    protects        %s%s  %s\n", resource.Origin, resource.Path, strings.Join(resource.Methods, " "))
		}
		if loaded.Clients[i].SignIn.ByVault {
			fmt.Fprintf(&b, "    signs in        by the vault; register for it at the authorization server, and no URL of the app:\n%s", registrations(table.VaultOrigin, "      "))
		}
	}
	if len(table.RedirectOrigins) > 0 {
		fmt.Fprintf(&b, "\n  redirects may also lead, without a token, to\n    %s\n", strings.Join(table.RedirectOrigins, "\n    "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// registrations are the URLs of the vault that an authorization server has to know
// for a client that the vault signs in.
func registrations(vault, indent string) string {
	return fmt.Sprintf("%[1]sredirect URI              %[2]s/%[3]s\n%[1]spost-logout redirect URI  %[2]s/%[4]s\n%[1]sfront-channel logout URI  %[2]s/%[5]s\n",
		indent, vault, protocol.CallbackPage, protocol.SignedOutPage, protocol.FrontChannelPage)
}
