package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"tokenvault/internal/config"
	"tokenvault/internal/devidp"
	"tokenvault/internal/dist"
	"tokenvault/internal/protocol"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// Demo is four running origins. Its methods are not for concurrent use; the
// servers are.
type Demo struct {
	AppURL, VaultURL, AuthURL, APIURL string
	// IDP is the authorization server and the API: what it issued, saw and
	// should do wrong.
	IDP *devidp.Server
	// Account can sign in.
	Account devidp.Account
	// Build is what is deployed at the moment.
	Build *dist.Manifest

	options Options
	origins Origins
	wasm    *wasmbuild.Output
	servers [roles]*server
	failed  chan error
}

// Start runs the four origins and returns when they answer. A port that is taken,
// or that browsers block, is a *PortError. The context bounds the start; Close
// ends what runs.
func Start(ctx context.Context, options Options) (_ *Demo, err error) {
	d := &Demo{options: options, wasm: options.Wasm, failed: make(chan error, roles)}
	listeners, err := d.listen(ctx)
	if err != nil {
		return nil, err
	}
	// Until a server has its listener, nobody else closes it.
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(listeners[:]))
		}
	}()
	if d.wasm == nil {
		if d.wasm, err = wasmbuild.Build(ctx, wasmbuild.Options{}); err != nil {
			return nil, err
		}
	}
	if err := d.startIDP(); err != nil {
		return nil, err
	}
	if err := d.Deploy(ctx, options.Configure); err != nil {
		return nil, err
	}
	for role, listener := range listeners {
		d.servers[role].serve(listener)
	}
	return d, nil
}

// listen takes all four addresses, or none.
func (d *Demo) listen(ctx context.Context) (listeners [roles]net.Listener, err error) {
	for i, addr := range d.options.addresses() {
		d.servers[i], listeners[i], err = listen(ctx, role(i), addr)
		if err != nil {
			return listeners, errors.Join(err, closeAll(listeners[:i]))
		}
		d.servers[i].failed = d.failed
	}
	d.origins = Origins{
		App:   d.servers[appRole].origin(),
		Vault: d.servers[vaultRole].origin(),
		Auth:  d.servers[authRole].origin(),
		API:   d.servers[apiRole].origin(),
	}
	d.AppURL, d.VaultURL, d.AuthURL, d.APIURL = d.origins.App, d.origins.Vault, d.origins.Auth, d.origins.API
	return listeners, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, listener := range listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// Failed receives the error of a server that ended by itself.
func (d *Demo) Failed() <-chan error { return d.failed }

// Close stops all servers and waits for them.
func (d *Demo) Close() error {
	var errs []error
	for _, server := range d.servers {
		errs = append(errs, server.stop())
	}
	return errors.Join(errs...)
}

// StopVault takes the vault's server away, for a test of what happens then.
func (d *Demo) StopVault() error { return d.servers[vaultRole].stop() }

// StartVault brings it back on its old address.
func (d *Demo) StartVault(ctx context.Context) error { return d.servers[vaultRole].restart(ctx) }

// StopAPI takes the API's server away, with the responses that are under way.
func (d *Demo) StopAPI() error { return d.servers[apiRole].stop() }

// StartAPI brings it back on its old address.
func (d *Demo) StartAPI(ctx context.Context) error { return d.servers[apiRole].restart(ctx) }

// Deploy builds both folders anew and serves them in place of the old ones, as
// an update would. configure may change the configuration; nil leaves it.
func (d *Demo) Deploy(ctx context.Context, configure func(*Configuration)) error {
	built, worker, scope, err := d.build(ctx, configure)
	if err != nil {
		return err
	}
	app, err := d.appHandler(static.App{Table: built.Table, Files: built.App, Worker: worker, Scope: scope})
	if err != nil {
		return err
	}
	auth := d.IDP.Auth()
	if !d.options.InsecureAppCORS {
		auth = vaultOnly(auth, built.Table)
	}
	d.servers[appRole].handle(app)
	d.servers[vaultRole].handle(static.VaultHandler(built.Table, built.Vault, d.options.VaultOptions...))
	d.servers[authRole].handle(auth)
	d.servers[apiRole].handle(apiHandler(d.IDP.API()))
	d.Build = built.Manifest
	return nil
}

// build makes a deployment and reads it back into memory.
func (d *Demo) build(ctx context.Context, configure func(*Configuration)) (_ *dist.Dist, worker, scope string, err error) {
	configuration := configurationFor(d.origins, d.options.VaultSignIn)
	if configure != nil {
		configure(&configuration)
	}
	loaded, err := configuration.parse()
	if err != nil {
		return nil, "", "", err
	}
	if d.options.Discovery != nil {
		if err := config.Discover(ctx, d.options.Discovery, loaded); err != nil {
			return nil, "", "", err
		}
	}
	folder, err := os.MkdirTemp("", "tokenvault-demo-")
	if err != nil {
		return nil, "", "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	out := filepath.Join(folder, "dist")
	if _, err := dist.Build(ctx, dist.Options{Config: loaded, Out: out, Wasm: d.wasm, Compression: dist.Fast}); err != nil {
		return nil, "", "", fmt.Errorf("the demonstration's build: %w", err)
	}
	built, err := dist.Open(out)
	return built, loaded.App.Worker, loaded.App.Scope, err
}

// startIDP makes the authorization server and the API.
func (d *Demo) startIDP() (err error) {
	redirects := []string{d.origins.App + "/"}
	for _, path := range d.options.RedirectPaths {
		redirects = append(redirects, d.origins.App+path)
	}
	options := devidp.Options{
		Issuer:       d.origins.Auth,
		APIOrigin:    d.origins.API,
		AllowOrigins: []string{d.origins.App, d.origins.Vault},
		Clients: []devidp.Client{
			{ID: MainClientID, RedirectURIs: redirects, PostLogoutRedirectURIs: redirects},
			{ID: PingClientID, RedirectURIs: redirects, PostLogoutRedirectURIs: redirects},
		},
		Accounts:   []devidp.Account{devidp.DefaultAccount(), devidp.SecondAccount()},
		AccessTTL:  d.options.AccessTTL,
		RefreshTTL: d.options.RefreshTTL,
		Now:        d.options.Now,
	}
	if d.options.VaultSignIn {
		// Not by apiHandler: a proof names the URL that the client has used.
		options.Resources = []devidp.Resource{{Path: "/v3/", URI: d.origins.API}}
		options.Clients = append(options.Clients, devidp.Client{
			ID:                     VaultedClientID,
			RedirectURIs:           []string{d.origins.Vault + "/" + protocol.CallbackPage},
			PostLogoutRedirectURIs: []string{d.origins.Vault + "/" + protocol.SignedOutPage},

			FrontChannelLogoutURI: d.origins.Vault + "/" + protocol.FrontChannelPage, FrontChannelLogoutSessionRequired: true,
		})
	}
	if d.options.AuthServer != nil {
		d.options.AuthServer(&options)
	}
	d.Account = options.Accounts[0]
	d.IDP, err = devidp.New(options)
	return err
}

// appHandler is the app origin: our files, the demonstration page, what the
// page asks for, and the mounts.
func (d *Demo) appHandler(app static.App) (http.Handler, error) {
	policy := pagePolicy(d.origins)
	config, err := serveConfig(d.page())
	if err != nil {
		return nil, err
	}
	app.Files = static.Overlay(app.Files, pageFiles{})
	mux := http.NewServeMux()
	mux.Handle("/", static.AppHandler(app, append([]static.Option{static.PagePolicy(policy)}, d.options.AppOptions...)...))
	mux.Handle("GET /demo/config.json", config)
	mux.Handle("/demo/issued", issued(d.IDP.Issued))
	for pattern, handler := range d.options.Mounts {
		mux.Handle(pattern, withPagePolicy(handler, policy))
	}
	return mux, nil
}

// withPagePolicy gives a handler's answers the policy of the app's pages, unless
// the handler sets its own.
func withPagePolicy(next http.Handler, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		next.ServeHTTP(w, r)
	})
}

// page is what the demonstration page is told.
func (d *Demo) page() page {
	api := d.origins.API
	var own *vaulted
	if d.options.VaultSignIn {
		own = &vaulted{Client: VaultedClient, WhoAmI: api + "/v3/whoami"}
	}
	return page{
		App: d.origins.App, Vault: d.origins.Vault, API: api,
		Client: MainClient, ClientID: MainClientID, Scope: Scope, RedirectURI: d.origins.App + "/",
		AuthorizationEndpoint: d.origins.Auth + "/authorize",
		TokenEndpoint:         d.origins.Auth + "/token",
		Account:               account{Username: d.Account.Username, Password: d.Account.Password},
		Vaulted:               own,
		Calls: calls{
			WhoAmI:    api + "/v1/whoami",
			Protected: api + "/v1/json",
			Public:    api + "/public/json",
			Echo:      api + "/v1/echo",
			Outside:   api + "/public/echo",
			Redirect:  api + "/v1/redirect?to=" + d.origins.Auth + "/.well-known/openid-configuration",
		},
	}
}

// apiHandler serves the API below /v1/ a second time below /v2/, so that two
// clients can have a part of it each. No ServeMux: it would redirect the odd
// paths that tests send.
func apiHandler(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, below := strings.CutPrefix(r.URL.Path, "/v2/")
		raw, rawBelow := strings.CutPrefix(r.URL.RawPath, "/v2/")
		if below && (rawBelow || r.URL.RawPath == "") {
			r = r.Clone(r.Context())
			r.URL.Path = "/v1/" + path
			if rawBelow {
				r.URL.RawPath = "/v1/" + raw
			}
		}
		api.ServeHTTP(w, r)
	})
}
