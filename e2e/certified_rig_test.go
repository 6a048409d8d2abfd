package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
	"tokenvault/internal/demo"
)

// certifiedOptions are what a test may ask of the certified authorization server
// (oidc-provider, in e2e/certified). The JSON is what its script reads.
type certifiedOptions struct {
	Issuer     string             `json:"issuer"`
	API        string             `json:"api"`
	Origins    []string           `json:"origins"` // who may read its answers
	Clients    []certifiedClient  `json:"clients"`
	Accounts   []certifiedAccount `json:"accounts"`
	Resources  []string           `json:"resources"`  // resource indicators: folders of the API, by URL
	Nonces     bool               `json:"nonces"`     // DPoP proofs need a nonce of the server
	RequirePAR bool               `json:"requirePAR"` // no authorization request without a pushed one
	ACRValues  []string           `json:"acrValues"`  // what acr_values can ask for
	AccessTTL  int                `json:"accessTTL"`  // seconds
	RefreshTTL int                `json:"refreshTTL"` // seconds
	Skew       int                `json:"skew"`       // seconds by which its clock is ahead
	// Offline leaves it to the library who gets refresh tokens: who is given
	// offline_access, which takes prompt=consent. Else every client does.
	Offline bool `json:"offline"`
}

// certifiedClient is a client's metadata (RFC 7591 §2).
type certifiedClient struct {
	ID                     string   `json:"client_id"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	AuthMethod             string   `json:"token_endpoint_auth_method"`
	GrantTypes             []string `json:"grant_types"`
	IDTokenAlg             string   `json:"id_token_signed_response_alg"`
	DPoPBound              bool     `json:"dpop_bound_access_tokens"`
	FrontChannelLogoutURI  string   `json:"frontchannel_logout_uri,omitempty"`
}

// certifiedAccount signs in with any password.
type certifiedAccount struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// issuedToken is something secret that the server handed out.
type issuedToken struct {
	Kind  string `json:"kind"` // "code", "access", "refresh" or "id", as devidp has them
	Value string `json:"value"`
	Live  bool   `json:"live"` // the server still accepts it
}

// certifiedRequest is a request that the authorization server had.
type certifiedRequest struct {
	Method string         `json:"method"`
	Path   string         `json:"path"`
	Origin string         `json:"origin"`
	Status int            `json:"status"`
	Params map[string]any `json:"params"` // those that the server read
}

// certified is the running server.
type certified struct {
	certifiedOptions
	t     testing.TB
	stdin io.Writer
	lines <-chan string // of stdout; closed when the process has ended
}

// newCertifiedSite starts a site whose main client belongs to the certified server, by
// discovery, and whose main client may call its API. The page of oidc-client-ts is where
// the client's answers go; change sets that and all else, here and there.
func newCertifiedSite(t testing.TB, change ...func(*certifiedOptions, *demo.Configuration)) *site {
	t.Helper()
	var server *certified
	s := newSite(t, func(o *demo.Options) {
		o.Discovery = loopback(t)
		o.Configure = func(c *demo.Configuration) {
			origins := demo.Origins{App: c.App.Origin, Vault: c.Vault.Origin}
			server = startCertified(t, func(options *certifiedOptions) {
				options.forSite(origins)
				main := &c.Clients[0]
				main.Issuer, main.Endpoints = options.Issuer, nil
				main.Resources = []demo.Resource{{URL: options.API + "/*"}}
				for _, f := range change {
					f(options, c)
				}
			})
		}
	})
	s.certified = server
	return s
}

// forSite is what a site of the tests needs: its client, its account, and answers for
// the vault alone.
func (o *certifiedOptions) forSite(origins demo.Origins) {
	redirects := []string{origins.App + "/e2e/oidc.html"}
	o.Origins = []string{origins.Vault}
	o.Clients = []certifiedClient{{
		ID: demo.MainClientID, RedirectURIs: redirects, PostLogoutRedirectURIs: redirects,
		AuthMethod: "none", GrantTypes: []string{"authorization_code", "refresh_token"}, IDTokenAlg: "ES256",
	}}
	o.Accounts = []certifiedAccount{
		{ID: "demo", Name: "Demo User", Email: "demo@example.com"},
		{ID: "other", Name: "Other User", Email: "other@example.com"},
	}
	o.AccessTTL, o.RefreshTTL = 600, 3600
}

// startCertified runs the server on a port of its own until the test ends. It returns
// when the server listens.
func startCertified(t testing.TB, set func(*certifiedOptions)) *certified {
	t.Helper()
	for {
		port := lastPort.Add(1)
		if config.IsBlockedPort(uint16(port)) {
			continue
		}
		c := &certified{t: t, certifiedOptions: certifiedOptions{
			Issuer: fmt.Sprint("http://certified.example.localhost:", port),
			API:    fmt.Sprint("http://certified-api.example.localhost:", port),
			// Lists and not null, which the script would have to expect.
			Origins: []string{}, Clients: []certifiedClient{}, Accounts: []certifiedAccount{}, Resources: []string{}, ACRValues: []string{},
		}}
		set(&c.certifiedOptions)
		if c.start() {
			return c
		}
	}
}

// start reports whether the port was free.
func (c *certified) start() bool {
	c.t.Helper()
	run := exec.Command("node", "certified/server.mjs")
	stdin, err := run.StdinPipe()
	require.NoError(c.t, err)
	stdout, err := run.StdoutPipe()
	require.NoError(c.t, err)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	require.NoError(c.t, run.Start(), "the certified server needs node")

	lines, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		defer close(lines)
		for scan := bufio.NewReader(stdout); ; {
			line, err := scan.ReadString('\n')
			if err != nil {
				break
			}
			lines <- line
		}
		ended <- run.Wait()
	}()
	c.stdin, c.lines = stdin, lines
	taken := false
	c.t.Cleanup(func() {
		_ = stdin.Close() // it may have ended
		select {
		case err = <-ended:
		case <-time.After(patience):
			assert.NoError(c.t, run.Process.Kill())
			err = <-ended
		}
		if !taken {
			assert.NoError(c.t, err, "the certified server")
			if c.t.Failed() {
				c.t.Logf("the certified server:\n%s", &stderr)
			}
		}
	})

	var first struct {
		Ready bool `json:"ready"`
		Taken bool `json:"taken"`
	}
	c.tell(js(c.certifiedOptions))
	c.read(&first)
	taken = first.Taken
	require.True(c.t, first.Ready || taken, "the certified server did not start")
	return first.Ready
}

func (c *certified) tell(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.stdin, line+"\n")
	require.NoError(c.t, err)
}

// read decodes the next line of the server.
func (c *certified) read(into any) {
	c.t.Helper()
	select {
	case line, more := <-c.lines:
		require.True(c.t, more, "the certified server ended")
		require.NoError(c.t, json.Unmarshal([]byte(line), into), line)
	case <-time.After(patience):
		require.Fail(c.t, "the certified server does not answer")
	}
}

// issued lists every token and code that the server handed out, in order.
func (c *certified) issued() (all []issuedToken) {
	c.t.Helper()
	c.tell("issued")
	c.read(&all)
	return all
}

// requests lists what the authorization server was asked, in order.
func (c *certified) requests() (all []certifiedRequest) {
	c.t.Helper()
	c.tell("requests")
	c.read(&all)
	return all
}

// loseTokens makes the next answer with tokens get lost, when they are issued already.
func (c *certified) loseTokens() {
	c.t.Helper()
	var done bool
	c.tell("lose")
	c.read(&done)
}

// rotateKeys makes the server forget what it signs with, and sign with new keys.
func (c *certified) rotateKeys() {
	c.t.Helper()
	var done bool
	c.tell("rotate")
	c.read(&done)
}

// token returns the newest of a kind.
func (c *certified) token(kind string) issuedToken {
	c.t.Helper()
	all := c.issued()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == kind {
			return all[i]
		}
	}
	require.Fail(c.t, "no "+kind+" was issued")
	return issuedToken{}
}

// whoami is the API's URL that tells which token it got. There is one below each resource
// as well.
func (c *certified) whoami() string { return c.API + "/whoami" }

// omitIssuer makes the next authorization response not say whose it is.
func (c *certified) omitIssuer() {
	c.t.Helper()
	var done bool
	c.tell("omitIssuer")
	c.read(&done)
}

// fillSignIn signs an account in on the server's form, and consents. The form of a user
// who is signed in there has nothing to fill in.
func (c *certified) fillSignIn(p *tab, account string) {
	c.t.Helper()
	p.until(`document.querySelector("#submit") !== null`)
	eval[any](p, `
		for (const [field, value] of Object.entries({ username: `+js(account)+`, password: "any" })) {
			document.querySelector("#" + field)?.setAttribute("value", value);
		}
		document.querySelector("#submit").click()`)
}
