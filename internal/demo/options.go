package demo

import (
	"net/http"
	"time"

	"tokenvault/internal/devidp"
	"tokenvault/internal/wasmbuild"
	"tokenvault/static"
)

// anyPort is the address of an origin that names none.
const anyPort = "127.0.0.1:0"

// Clients of the demonstration, by their names in the configuration. Each has a
// client ID of its own, its own endpoints, and its own part of the API.
const (
	// MainClient uses the plain endpoints, and the API below /v1/.
	MainClient = "main"
	// PingClient uses PingAM's endpoints, and the API below /v2/.
	PingClient = "ping"
	// VaultedClient uses the plain endpoints, and the API below /v3/. The vault
	// signs it in: see Options.VaultSignIn.
	VaultedClient = "vaulted"
)

// Client IDs of the clients.
const (
	MainClientID    = "demo-app"
	PingClientID    = "demo-ping"
	VaultedClientID = "demo-vault"
)

// Scope is what all clients ask for.
const Scope = "openid profile email offline_access"

// Origins are the four origins of a running Demo, as browsers write them.
type Origins struct{ App, Vault, Auth, API string }

// Options of Start. The zero value runs on ports that the system chooses, from
// binaries that it compiles first.
type Options struct {
	// App, Vault, Auth and API are listen addresses on loopback. Empty: any
	// port of 127.0.0.1.
	App, Vault, Auth, API string

	// Wasm are compiled binaries. Nil: they are built. Tests build them once.
	Wasm *wasmbuild.Output

	// AccessTTL and RefreshTTL are the lifetimes of tokens. Zero: devidp's.
	AccessTTL, RefreshTTL time.Duration
	// Now is the authorization server's clock. Nil: time.Now.
	Now func() time.Time

	// VaultSignIn adds VaultedClient, and with it the vault's own pages.
	VaultSignIn bool
	// RedirectPaths are further paths of the app origin where the
	// authorization server may send an answer, beside "/".
	RedirectPaths []string
	// Mounts are further handlers of the app origin, by ServeMux pattern. They
	// start with the headers of the demonstration page and may change them.
	Mounts map[string]http.Handler
	// Configure changes the configuration before it is checked.
	Configure func(*Configuration)
	// Discovery asks authorization servers for their metadata. Nil: every client
	// has its endpoints in the configuration.
	Discovery *http.Client
	// AuthServer changes the authorization server's options before it starts.
	AuthServer func(*devidp.Options)

	// VaultOptions and AppOptions go to the handlers of package static, which
	// is how a test weakens a header on purpose.
	VaultOptions, AppOptions []static.Option
	// InsecureAppCORS lets the app's scripts read the answers of the token
	// endpoint. It exists so that a test can show what an attack gains by it.
	InsecureAppCORS bool
}

// addresses returns the listen addresses by role.
func (o Options) addresses() [roles]string {
	addresses := [roles]string{appRole: o.App, vaultRole: o.Vault, authRole: o.Auth, apiRole: o.API}
	for i, addr := range addresses {
		if addr == "" {
			addresses[i] = anyPort
		}
	}
	return addresses
}
