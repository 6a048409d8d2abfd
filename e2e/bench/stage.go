package main

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
	"tokenvault/internal/policy"
	"tokenvault/static"
)

//go:embed pages
var pageFiles embed.FS

// tokenLife is longer than any run: no column renews a token while it is measured.
const tokenLife = 2 * time.Hour

// stage is all that runs beside the browser: the API, the authorization server,
// and an app origin for each column.
type stage struct {
	api     *api
	demo    *demo.Demo
	apiURL  string
	columns map[string]*column

	root    string // of the sources
	pages   fs.FS
	origins map[string]*origin
}

// hosts are the origins that are not internal/demo's.
var hosts = []string{"api", "direct", "worker", "ping", "ping-vault", "axa", "floor", "floor-vault"}

// Scripts that several columns have.
var (
	configScript = element{Path: "/bench/config.js"}
	pkceScript   = element{Path: "/bench/pkce.js"}
)

// raise starts everything. root is where the sources are.
func raise(ctx context.Context, root string) (_ *stage, err error) {
	s := &stage{api: newAPI(), root: root, origins: map[string]*origin{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.pages, err = fs.Sub(pageFiles, "pages"); err != nil {
		return nil, err
	}
	for _, host := range hosts {
		name := host
		if host == "api" {
			name = "bench-api" // internal/demo has an API of its own
		}
		if s.origins[host], err = listenAs(name); err != nil {
			return nil, err
		}
	}
	s.apiURL = s.url("api")
	s.columns = map[string]*column{
		"direct": {name: "direct", Title: "no worker", app: s.url("direct"), Scripts: []element{configScript}},
		"worker": {
			name: "worker", Title: "a worker that does nothing", app: s.url("worker"),
			Scripts: []element{configScript, {Path: "/bench/worker-page.js"}},
		},
		"ping": {
			name: "ping", Title: "@forgerock/token-vault", app: s.url("ping"), frame: s.url("ping-vault"), protects: true, signsIn: true,
			Scripts: []element{configScript, pkceScript, {Path: "/bench/ping-app.js", Defer: true}},
		},
		"axa": {
			name: "axa", Title: "@axa-fr/oidc-client", app: s.url("axa"), protects: true, signsIn: true,
			Scripts: []element{configScript, {Path: "/bench/axa-app.js", Defer: true}},
		},
		"floor": {
			name: "floor", Title: "our way in bare JavaScript", app: s.url("floor"), frame: s.url("floor-vault"), protects: true,
			Scripts: []element{configScript, {Path: "/bench/floor-page.js"}},
		},
		"vault": {
			name: "vault", Title: "Token Vault", protects: true, signsIn: true,
			Scripts: []element{{Path: "/tokenvault.js"}, configScript, pkceScript},
		},
	}
	if err := s.startDemo(ctx); err != nil {
		return nil, err
	}
	s.origins["api"].serve(s.api.handler())
	for _, raise := range []func(context.Context) error{s.servePlain, s.servePing, s.serveAXA, s.serveFloor} {
		if err := raise(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) url(host string) string { return s.origins[host].url }

func (s *stage) close() error {
	var errs []error
	if s.demo != nil {
		errs = append(errs, s.demo.Close())
	}
	for _, origin := range s.origins {
		errs = append(errs, origin.close())
	}
	return errors.Join(errs...)
}

// startDemo starts the vault's column, and the authorization server for the
// others too.
func (s *stage) startDemo(ctx context.Context) (err error) {
	vault := http.NewServeMux() // told what it serves once the origins are known
	s.demo, err = demo.Start(ctx, demo.Options{
		AccessTTL:     tokenLife,
		RefreshTTL:    tokenLife,
		RedirectPaths: []string{"/bench/vault.html"},
		Mounts:        map[string]http.Handler{"/bench/": cached(vault)},
		Configure: func(c *demo.Configuration) {
			c.Clients[0].Resources = append(c.Clients[0].Resources, demo.Resource{URL: s.apiURL + "/v1/*"})
		},
		AuthServer: func(o *devidp.Options) {
			o.AllowOrigins = append(o.AllowOrigins, s.url("axa"), s.url("ping-vault"))
			for i := range o.Clients {
				o.Clients[i].RedirectURIs = append(o.Clients[i].RedirectURIs, s.columns["ping"].page(), s.columns["axa"].page())
			}
		},
	})
	if err != nil {
		return err
	}
	s.columns["vault"].app, s.columns["vault"].frame = s.demo.AppURL, s.demo.VaultURL
	return s.mountPages(vault, s.columns["vault"], oauth{
		Authorize: s.demo.AuthURL + "/authorize", Token: s.demo.AuthURL + "/token", Client: demo.MainClientID, Scope: demo.Scope,
	})
}

// oauth is what pages/pkce.js needs to sign in.
type oauth struct {
	Authorize string `json:"authorize"`
	Token     string `json:"token"`
	Client    string `json:"client"`
	Scope     string `json:"scope"`
}

// mountPages puts the pages and their configuration below /bench/.
func (s *stage) mountPages(mux *http.ServeMux, c *column, signIn oauth) error {
	config, err := assignment("config", map[string]any{"api": s.apiURL, "frame": c.frame, "oauth": signIn})
	if err != nil {
		return err
	}
	mux.Handle("/bench/", http.StripPrefix("/bench/", http.FileServerFS(s.pages)))
	mux.Handle("/bench/config.js", script(config))
	page, err := template.ParseFS(s.pages, "column.html")
	if err != nil {
		return err
	}
	mux.HandleFunc(c.path(), func(w http.ResponseWriter, _ *http.Request) {
		if err := page.Execute(w, c); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	})
	return nil
}

// app returns a column's app origin with the pages on it.
func (s *stage) app(name string, signIn oauth) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	if err := s.mountPages(mux, s.columns[name], signIn); err != nil {
		return nil, err
	}
	s.origins[name].serve(cached(mux))
	return mux, nil
}

// file serves one of the pages at a path of its own.
func (s *stage) file(mux *http.ServeMux, name string) {
	mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, s.pages, name) })
}

func (s *stage) servePlain(context.Context) error {
	if _, err := s.app("direct", oauth{}); err != nil {
		return err
	}
	worker, err := s.app("worker", oauth{})
	if err != nil {
		return err
	}
	s.file(worker, "worker.js")
	return nil
}

func (s *stage) servePing(ctx context.Context) error {
	auth := s.demo.AuthURL + "/am/oauth2/realms/root"
	app, err := s.app("ping", oauth{
		Authorize: auth + "/authorize", Token: auth + "/access_token", Client: demo.PingClientID, Scope: demo.Scope,
	})
	if err != nil {
		return err
	}
	settings := map[string]any{
		"app": s.url("ping"), "frame": s.url("ping-vault"), "client": demo.PingClientID, "scope": demo.Scope,
		"server": map[string]any{"baseUrl": s.demo.AuthURL + "/am/", "timeout": 5000},
		"urls":   []string{s.apiURL + "/v1/*"},
	}
	frame := http.NewServeMux()
	for _, piece := range []struct {
		mux        *http.ServeMux
		path, name string
	}{
		{app, "/bench/ping-app.js", "ping-app.js"},
		{app, "/ping-interceptor.js", "ping-interceptor.js"},
		{frame, "/ping-proxy.js", "ping-proxy.js"},
	} {
		text, err := bundle(ctx, s.root, piece.name, settings)
		if err != nil {
			return err
		}
		piece.mux.Handle(piece.path, script(text))
	}
	frame.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, s.pages, "ping-proxy.html")
	})
	s.origins["ping-vault"].serve(cached(frame))
	return nil
}

func (s *stage) serveAXA(ctx context.Context) error {
	app, err := s.app("axa", oauth{})
	if err != nil {
		return err
	}
	page, err := bundle(ctx, s.root, "axa-app.js", map[string]any{
		"client": demo.MainClientID, "scope": demo.Scope, "authority": s.demo.AuthURL,
	})
	if err != nil {
		return err
	}
	trusted, err := assignment("trustedDomains", map[string]any{
		"default": map[string]any{"oidcDomains": []string{s.demo.AuthURL}, "accessTokenDomains": []string{s.apiURL + "/v1"}},
	})
	if err != nil {
		return err
	}
	app.Handle("/bench/axa-app.js", script(page))
	app.Handle("/OidcTrustedDomains.js", script(trusted))
	worker := filepath.Join(s.root, "node_modules", "@axa-fr", "oidc-client-service-worker", "dist", "OidcServiceWorker.js")
	app.HandleFunc("/OidcServiceWorker.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, worker) })
	return nil
}

// serveFloor gives the floor's frame the headers of a vault: they decide which
// process it runs in.
func (s *stage) serveFloor(context.Context) error {
	app, err := s.app("floor", oauth{})
	if err != nil {
		return err
	}
	s.file(app, "floor-worker.js")

	config, err := assignment("config", map[string]string{"app": s.url("floor")})
	if err != nil {
		return err
	}
	frame := http.NewServeMux()
	s.file(frame, "floor-frame.html")
	s.file(frame, "floor-frame.js")
	frame.Handle("/floor-config.js", script(config))
	headers := static.VaultHeaders(&policy.Table{
		AppOrigin: s.url("floor"), VaultOrigin: s.url("floor-vault"),
		Clients: []policy.Client{{Resources: []policy.Rule{{Origin: s.apiURL, Path: "/v1/*"}}}},
	}, static.FrameName)
	s.origins["floor-vault"].serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, header := range headers {
			w.Header().Set(header.Name, header.Value)
		}
		w.Header().Set("Cache-Control", static.CacheForever)
		if r.URL.Path == "/floor-frame.html" {
			w.Header().Set("Cache-Control", static.NoStore)
		}
		frame.ServeHTTP(w, r)
	}))
	return nil
}
