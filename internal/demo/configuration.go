package demo

import (
	"encoding/json"
	"fmt"

	"tokenvault/internal/config"
)

// Configuration is the tokenvault.json of a demonstration, to be written and
// then read by internal/config like anybody's. It has the keys that the
// demonstration and the tests set.
type Configuration struct {
	App            App      `json:"app"`
	Vault          Vault    `json:"vault"`
	RequestTimeout string   `json:"requestTimeout,omitempty"`
	Clients        []Client `json:"clients"`

	RedirectOrigins []string `json:"redirectOrigins,omitempty"`
	Pages           *Pages   `json:"pages,omitempty"`
}

// Pages is the key "pages".
type Pages struct {
	Language string                       `json:"language,omitempty"`
	Texts    map[string]map[string]string `json:"texts,omitempty"`
}

// App is the key "app".
type App struct {
	Origin string `json:"origin"`
	Worker string `json:"worker,omitempty"`
	Scope  string `json:"scope,omitempty"`
}

// Vault is the key "vault".
type Vault struct {
	Origin string `json:"origin"`
}

// Client is an element of the key "clients".
type Client struct {
	Name          string     `json:"name"`
	ClientID      string     `json:"clientId"`
	Scope         string     `json:"scope,omitempty"`
	Issuer        string     `json:"issuer,omitempty"`
	Endpoints     *Endpoints `json:"endpoints,omitempty"`
	PingAM        *PingAM    `json:"pingam,omitempty"`
	Redact        []string   `json:"redact,omitempty"`
	RefreshBefore string     `json:"refreshBefore,omitempty"`
	Resources     []Resource `json:"resources"`

	SignIn          string   `json:"signIn,omitempty"`
	PAR             bool     `json:"par,omitempty"`
	RequireIss      bool     `json:"requireIss,omitempty"`
	DPoP            bool     `json:"dpop,omitempty"`
	ReturnTo        []string `json:"returnTo,omitempty"`
	Claims          []string `json:"claims,omitempty"`
	LoginParameters []string `json:"loginParameters,omitempty"`
	EndpointOrigins []string `json:"endpointOrigins,omitempty"`
}

// Endpoints is a client's key "endpoints".
type Endpoints struct {
	Token      string `json:"token"`
	Revocation string `json:"revocation,omitempty"`
	UserInfo   string `json:"userinfo,omitempty"`
	EndSession string `json:"endSession,omitempty"`

	Authorization       string `json:"authorization,omitempty"`
	JWKS                string `json:"jwks,omitempty"`
	PushedAuthorization string `json:"pushedAuthorization,omitempty"`
}

// PingAM is a client's key "pingam".
type PingAM struct {
	BaseURL   string `json:"baseUrl"`
	RealmPath string `json:"realmPath"`
}

// Resource is an element of a client's key "resources".
type Resource struct {
	URL      string   `json:"url"`
	Methods  []string `json:"methods,omitempty"`
	Resource string   `json:"resource,omitempty"`
}

// configurationFor is the configuration of the demonstration.
func configurationFor(o Origins, vaultSignIn bool) Configuration {
	c := Configuration{
		App:   App{Origin: o.App},
		Vault: Vault{Origin: o.Vault},
		Clients: []Client{
			{
				Name: MainClient, ClientID: MainClientID, Scope: Scope, Issuer: o.Auth,
				Endpoints: &Endpoints{
					Token:      o.Auth + "/token",
					Revocation: o.Auth + "/revoke",
					UserInfo:   o.Auth + "/userinfo",
					EndSession: o.Auth + "/logout",
				},
				Resources: []Resource{{URL: o.API + "/v1/*"}},
			},
			{
				Name: PingClient, ClientID: PingClientID, Scope: Scope,
				PingAM:    &PingAM{BaseURL: o.Auth + "/am", RealmPath: "root"},
				Resources: []Resource{{URL: o.API + "/v2/*"}},
			},
		},
	}
	if vaultSignIn {
		c.Clients = append(c.Clients, Client{
			Name: VaultedClient, ClientID: VaultedClientID, Scope: Scope, Issuer: o.Auth,
			Endpoints: &Endpoints{
				Token:         o.Auth + "/token",
				Revocation:    o.Auth + "/revoke",
				UserInfo:      o.Auth + "/userinfo",
				EndSession:    o.Auth + "/logout",
				Authorization: o.Auth + "/authorize",
				JWKS:          o.Auth + "/jwks",
			},
			SignIn: "vault", RequireIss: true, Claims: []string{"sub", "name"},
			Resources: []Resource{{URL: o.API + "/v3/*"}},
		})
	}
	return c
}

// parse reads the configuration as the command reads a file.
func (c Configuration) parse() (*config.Config, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	parsed, err := config.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the demonstration's configuration: %w", err)
	}
	return parsed, nil
}
