package devidp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewRefuses(t *testing.T) {
	good := func() Options {
		return Options{
			Issuer: "http://auth.example.localhost:8082", APIOrigin: "http://127.0.0.1:8083",
			AllowOrigins: []string{appOrigin}, Clients: []Client{{ID: "spa", RedirectURIs: []string{callback}}},
		}
	}
	tests := []struct {
		name   string
		change func(*Options)
		want   error
	}{
		{"nothing", func(*Options) {}, nil},
		{"an IPv6 loopback is fine", func(o *Options) { o.Issuer = "http://[::1]:8082" }, nil},
		{"https is fine", func(o *Options) { o.Issuer = "https://localhost:8082" }, nil},
		{"an issuer on a network", func(o *Options) { o.Issuer = "https://auth.example.com" }, ErrNotLoopback},
		{"an API on a network", func(o *Options) { o.APIOrigin = "http://192.0.2.1" }, ErrNotLoopback},
		{"a host that only starts like loopback", func(o *Options) { o.Issuer = "http://127.0.0.1.example.com" }, ErrNotLoopback},
		{"a host that only contains localhost", func(o *Options) { o.Issuer = "http://localhost.example.com" }, ErrNotLoopback},
		{"no issuer", func(o *Options) { o.Issuer = "" }, ErrNotOrigin},
		{"an issuer with a path", func(o *Options) { o.Issuer += "/" }, ErrNotOrigin},
		{"an issuer in capitals", func(o *Options) { o.Issuer = "http://LOCALHOST" }, ErrNotOrigin},
		{"an issuer with credentials", func(o *Options) { o.Issuer = "http://a@localhost" }, ErrNotOrigin},
		{"an issuer that is no URL", func(o *Options) { o.Issuer = "http://local host" }, ErrNotOrigin},
		{"a wildcard origin", func(o *Options) { o.AllowOrigins = []string{"*"} }, ErrNotOrigin},
		{"a client without an ID", func(o *Options) { o.Clients[0].ID = "" }, ErrBadClient},
		{"a client twice", func(o *Options) { o.Clients = append(o.Clients, o.Clients[0]) }, ErrBadClient},
		{"a relative redirect URI", func(o *Options) { o.Clients[0].RedirectURIs = []string{"/callback"} }, ErrBadRedirect},
		{"a redirect URI with a fragment", func(o *Options) { o.Clients[0].PostLogoutRedirectURIs = []string{callback + "#x"} }, ErrBadRedirect},
		{"a redirect URI that runs", func(o *Options) { o.Clients[0].RedirectURIs = []string{"javascript:alert(1)"} }, ErrBadRedirect},
		{"a redirect URI that is no URL", func(o *Options) { o.Clients[0].RedirectURIs = []string{"http://%zz"} }, ErrBadRedirect},
		{"an account without a name", func(o *Options) { o.Accounts = []Account{{}} }, ErrBadAccount},
		{"a resource", func(o *Options) { o.Resources = []Resource{{"/v3/", "https://api.example.com/v3"}} }, nil},
		{"a resource in place of the API", func(o *Options) { o.Resources = []Resource{{"/v1/", "https://api.example.com"}} }, nil},
		{"a resource without a slash", func(o *Options) { o.Resources = []Resource{{"/v3", "https://api.example.com"}} }, ErrBadResource},
		{"a resource of nothing", func(o *Options) { o.Resources = []Resource{{"/", "https://api.example.com"}} }, ErrBadResource},
		{"a resource deep down", func(o *Options) { o.Resources = []Resource{{"/a/b/", "https://api.example.com"}} }, ErrBadResource},
		{"a resource that is public", func(o *Options) { o.Resources = []Resource{{"/public/", "https://api.example.com"}} }, ErrBadResource},
		{"a resource twice", func(o *Options) {
			o.Resources = []Resource{{"/v3/", "https://a.example"}, {"/v3/", "https://b.example"}}
		}, ErrBadResource},
		{"a resource that is no URL", func(o *Options) { o.Resources = []Resource{{"/v3/", "api"}} }, ErrBadResource},
		{"a resource with a fragment", func(o *Options) { o.Resources = []Resource{{"/v3/", "https://a.example#x"}} }, ErrBadResource},
		{"a front-channel logout URI that runs", func(o *Options) { o.Clients[0].FrontChannelLogoutURI = "javascript:alert(1)" }, ErrBadRedirect},
		{"a negative window", func(o *Options) { o.ProofWindow = -time.Second }, ErrBadLifetime},
		{"a negative lifetime", func(o *Options) { o.AccessTTL = -time.Second }, ErrBadLifetime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good()
			tt.change(&o)
			_, err := New(o)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestNewReportsEverythingAtOnce(t *testing.T) {
	_, err := New(Options{Issuer: "https://auth.example.com", APIOrigin: "api"})
	require.ErrorIs(t, err, ErrNotLoopback)
	require.ErrorIs(t, err, ErrNotOrigin)
	require.ErrorContains(t, err, "Issuer: ")
	require.ErrorContains(t, err, "APIOrigin: ")
}
