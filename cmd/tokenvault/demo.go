package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"

	"tokenvault/internal/demo"
	"tokenvault/internal/wasmbuild"
)

var demoCommand = command{
	name:    "demo",
	summary: "run app, vault, authorization server and API on this machine, to try out",
	examples: []string{
		"tokenvault demo",
		"tokenvault demo --app-port 9080 --vault-port 9081",
	},
	setup: func(flags *flag.FlagSet) action {
		port := func(name string, value uint, what string) *uint {
			return flags.Uint(name, value, "`port` of the "+what+"; 0 takes any free one")
		}
		ports := demoPorts{
			app:   port("app-port", 8080, "app"),
			vault: port("vault-port", 8081, "vault"),
			auth:  port("auth-port", 8082, "authorization server"),
			api:   port("api-port", 8083, "API"),
		}
		source := flags.String("source", "", "`folder` of Token Vault's sources, where the command runs outside its checkout")
		return func(ctx context.Context, stdout io.Writer) error {
			options, err := ports.options()
			if err != nil {
				return err
			}
			if *source != "" {
				if options.Wasm, err = wasmbuild.Build(ctx, wasmbuild.Options{Source: *source}); err != nil {
					return err
				}
			}
			return runDemo(ctx, stdout, options)
		}
	},
}

type demoPorts struct{ app, vault, auth, api *uint }

func (p demoPorts) options() (demo.Options, error) {
	options := demo.Options{VaultSignIn: true}
	for _, origin := range []struct {
		flag string
		port *uint
		addr *string
	}{
		{"--app-port", p.app, &options.App},
		{"--vault-port", p.vault, &options.Vault},
		{"--auth-port", p.auth, &options.Auth},
		{"--api-port", p.api, &options.API},
	} {
		const highest = 65535
		if *origin.port > highest {
			return options, usageError{fmt.Sprintf("%s %d: the highest port is %d", origin.flag, *origin.port, highest)}
		}
		// Loopback only: the authorization server is a toy.
		*origin.addr = net.JoinHostPort("127.0.0.1", strconv.FormatUint(uint64(*origin.port), 10))
	}
	return options, nil
}

func runDemo(ctx context.Context, stdout io.Writer, options demo.Options) (err error) {
	fmt.Fprintln(stdout, "Building; the first time takes a minute …")
	running, err := demo.Start(ctx, options)
	var taken *demo.PortError
	switch {
	case errors.As(err, &taken):
		return fmt.Errorf("%w; choose another port with --%s-port", err, taken.Name)
	case ctx.Err() != nil:
		return nil // stopped by Ctrl-C before it ran; Start has cleaned up
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, running.Close()) }()

	_, err = fmt.Fprintf(stdout, `
Open     %s
Sign in  %s / %s

  app                   %s
  vault                 %s
  authorization server  %s
  API                   %s

For trying out only: the authorization server's account and keys are no secret.
Ctrl-C stops.
`, running.AppURL, running.Account.Username, running.Account.Password,
		running.AppURL, running.VaultURL, running.AuthURL, running.APIURL)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-running.Failed():
		return err
	}
}
