package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/demo"
	"tokenvault/internal/devidp"
)

// TestFloodOfCallsHoldsNobodyUp signs one client out and renews it, hundreds of times,
// while another client of the same page works. The control is that the other, whose
// session is gone, is told so.
func TestFloodOfCallsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	type result struct {
		Statuses []int
		Codes    map[string]int
		Gone     int
	}
	got := eval[result](p, `
		const codes = {};
		const calls = [];
		for (let i = 0; i < 300; i++) {
			for (const call of ['logout', 'remove', 'refresh', 'has']) {
				calls.push(tokenvault[call]('ping').then(() => 'ok', ({ code }) => code).then((code) => { codes[code] = (codes[code] ?? 0) + 1; }));
			}
		}
		const requests = Array.from({ length: 20 }, () => fetch(`+js(s.APIURL+"/v1/whoami")+`).then(({ status }) => status));
		const statuses = await Promise.all(requests);
		await Promise.all(calls);
		return { statuses, codes, gone: (await fetch(`+js(s.APIURL+"/v2/whoami")+`)).status };`)
	require.Len(t, got.Statuses, 20)
	for _, status := range got.Statuses {
		assert.Equal(t, 200, status)
	}
	assert.Equal(t, map[string]int{"ok": 900, "not_signed_in": 300}, got.Codes, "every call is answered, each by its own")
	assert.Equal(t, 400, got.Gone, "control: the other client is not signed in")
	s.canary(p)
}

// TestSignOutUnderFloodRevokesOnce signs out many times at once amid requests. Each
// request ends with an answer of the API or a clear error; nothing is revoked twice.
func TestSignOutUnderFloodRevokesOnce(t *testing.T) {
	t.Parallel()
	s := newHostileSite(t)
	p := s.signInHostile()
	type result struct{ Statuses []int }
	got := eval[result](p, `
		const before = Array.from({ length: 20 }, () => fetch(`+js(s.APIURL+"/v1/whoami")+`));
		const calls = Array.from({ length: 50 }, () => tokenvault.logout('main'));
		const after = Array.from({ length: 20 }, () => fetch(`+js(s.APIURL+"/v1/whoami")+`));
		const responses = await Promise.all([...before, ...after]);
		await Promise.all(calls);
		responses.push(await fetch(`+js(s.APIURL+"/v1/whoami")+`));
		return { statuses: responses.map(({ status }) => status) };`)
	require.Len(t, got.Statuses, 41)
	for _, status := range got.Statuses {
		assert.Contains(t, []int{200, 400, 401}, status)
	}
	assert.Equal(t, 400, got.Statuses[40], "signed out")
	assert.Equal(t, 1, s.IDP.Stats().RevokedRefresh, "control: the server has revoked")
	assert.Empty(t, s.live())
}

// TestFrameThatIsRemovedTimeAndAgainGivesClearErrors takes the frame out of the page,
// and navigates it, while requests are under way. Each ends, in an answer or an error
// that says why; none hangs, and none goes out without its token.
func TestFrameThatIsRemovedTimeAndAgainGivesClearErrors(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]string{
		"removed":          `frameElement()?.remove()`,
		"loaded again":     `frameElement().src = frameElement().src`,
		"navigated away":   `frameElement().contentWindow.location = 'about:blank'`,
		"hidden in a node": `document.createElement('div').append(frameElement())`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newHostileSite(t, func(o *demo.Options) {
				o.Configure = func(c *demo.Configuration) { c.RequestTimeout = "3s" }
			})
			p := s.signInHostile()
			s.IDP.ClearRequests()
			// An answer that has begun ends as well.
			assert.Equal(t, "TypeError", eval[string](p, `
				const response = await fetch(`+js(s.APIURL+"/v1/sse?count=100&interval=1000")+`);
				const reader = response.body.getReader();
				await reader.read();
				`+act+`;
				const drain = async () => {
					while (!(await reader.read()).done);
					return 'whole';
				};
				return drain().catch((error) => error.name);`))
			type answer struct {
				Status int
				Code   string
			}
			got := eval[[]answer](p, `
				const ask = () => fetch(`+js(s.APIURL+"/v1/json")+`).then(async (response) => {
					const { error = '' } = await response.json();
					return { status: response.status, code: error };
				}).catch((error) => ({ status: 0, code: error.name }));
				const asked = [];
				for (let i = 0; i < 2; i++) {
					asked.push(ask());
					`+act+`;
					asked.push(ask());
					await asked.at(-1);
				}
				return Promise.all(asked);`)
			require.Len(t, got, 4)
			for _, a := range got {
				assert.Contains(t, []answer{{200, ""}, {503, "vault_unavailable"}, {504, "vault_timeout"}, {0, "TypeError"}}, a)
			}
			for _, r := range s.IDP.Requests() {
				if r.Server == devidp.APIServer && r.Method == "GET" {
					assert.NotEmpty(t, r.Authorization, "nothing went out without its token")
				}
			}
			s.canary(p)
		})
	}
}
