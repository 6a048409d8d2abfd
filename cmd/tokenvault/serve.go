package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"tokenvault/internal/config"
	"tokenvault/internal/dist"
	"tokenvault/static"
)

// stopTimeout is what answers under way get when the server stops.
const stopTimeout = 10 * time.Second

var serveCommand = command{
	name:    "serve",
	summary: "serve a build's vault, and with --app the app too, with their headers",
	examples: []string{
		"tokenvault serve --config tokenvault.json --dist dist",
		"tokenvault serve --addr :8081                # behind a proxy that ends TLS and keeps Host",
		"tokenvault serve --app public                # the app's own files, with ours among them",
		"curl http://127.0.0.1:8081/healthz",
	},
	setup: func(flags *flag.FlagSet) action {
		options := serveOptions{}
		file := configFlag(flags)
		flags.StringVar(&options.dist, "dist", "dist", "`folder` that tokenvault build wrote")
		flags.StringVar(&options.app, "app", "", "`folder` of the app; also serve the app origin out of it and the build")
		flags.StringVar(&options.addr, "addr", "127.0.0.1:8081", "`address` to serve the vault at")
		flags.StringVar(&options.appAddr, "app-addr", "127.0.0.1:8080", "`address` to serve the app at")
		return func(ctx context.Context, stdout io.Writer) error {
			loaded, err := config.Load(*file)
			if err != nil {
				return err
			}
			return serve(ctx, stdout, loaded, options)
		}
	},
}

type serveOptions struct{ dist, app, addr, appAddr string }

// site is one origin to serve.
type site struct {
	what, flag, addr, origin string
	handler                  http.Handler
	listener                 net.Listener
	wrap                     func(net.Listener) net.Listener // nil: the listener as it is
}

func serve(ctx context.Context, stdout io.Writer, loaded *config.Config, options serveOptions) (err error) {
	built, err := dist.Open(options.dist)
	if err != nil {
		return err
	}
	if err := built.CheckConfig(loaded); err != nil {
		return fmt.Errorf("%s: %w", options.dist, err)
	}
	sites := []*site{{
		what: "vault", flag: "--addr", addr: options.addr, origin: built.Table.VaultOrigin,
		handler: static.VaultHandler(built.Table, built.Vault), wrap: static.VaultListener,
	}}
	if options.app != "" {
		// A root keeps links in the app's folder from leading out of it.
		root, err := os.OpenRoot(options.app)
		if err != nil {
			return fmt.Errorf("--app: %w", err)
		}
		defer func() { err = errors.Join(err, root.Close()) }()
		sites = append(sites, &site{
			what: "app", flag: "--app-addr", addr: options.appAddr, origin: built.Table.AppOrigin,
			handler: static.AppHandler(static.App{
				Table: built.Table, Files: static.Overlay(built.App, root.FS()),
				Worker: built.Manifest.Worker, Scope: built.Manifest.Scope,
			}),
		})
	}
	return serveSites(ctx, stdout, sites)
}

// serveSites serves until ctx ends, and then lets answers under way finish.
func serveSites(ctx context.Context, stdout io.Writer, sites []*site) (err error) {
	for _, site := range sites {
		site.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", site.addr)
		if err != nil {
			return fmt.Errorf("%w; choose another address with %s", err, site.flag)
		}
		defer site.listener.Close() // closed already where the server ran
		if site.wrap != nil {
			site.listener = site.wrap(site.listener)
		}
	}
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	servers := make([]*http.Server, len(sites))
	for i, site := range sites {
		servers[i] = &http.Server{
			Handler:           site.handler,
			ReadHeaderTimeout: 10 * time.Second,
			WriteTimeout:      5 * time.Minute,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		}
		go func() {
			if err := servers[i].Serve(site.listener); !errors.Is(err, http.ErrServerClosed) {
				failed(fmt.Errorf("%s: %w", site.what, err))
			}
		}()
		fmt.Fprintf(stdout, "%-5s  %s  at http://%s\n", site.what, site.origin, site.listener.Addr())
	}
	fmt.Fprintln(stdout, "Ctrl-C stops.")
	<-ctx.Done()

	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(stopping))
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}
