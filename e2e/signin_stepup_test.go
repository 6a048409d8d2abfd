package e2e

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/devidp"
)

// What an app does with a resource that wants more of a sign-in.
func TestStepUp(t *testing.T) {
	t.Parallel()
	s := newVaultedSite(t)
	p := s.signInAtVault()
	api := s.APIURL + "/v3/stepup?acr=" + url.QueryEscape(devidp.ACRMultiFactor) + "&max_age=300"
	eval[any](p, `window.steps = []; tokenvault.on("stepup", (event) => steps.push(event))`)
	refused := eval[map[string]any](p, `
		const response = await fetch(`+js(api)+`);
		return { status: response.status, challenge: response.headers.get("www-authenticate"), body: await response.json() }`)
	assert.EqualValues(t, 401, refused["status"])
	assert.Contains(t, refused["challenge"], `error="insufficient_user_authentication"`)
	assert.Contains(t, refused["challenge"], devidp.ACRMultiFactor)
	assert.NotEmpty(t, refused["body"])
	assert.Zero(t, s.IDP.Stats().Refreshes, "another token of this sign-in is no better")
	p.until(`steps.length === 1`)
	assert.Equal(t, map[string]any{"type": "stepup", "client": "vaulted", "acrValues": devidp.ACRMultiFactor, "maxAge": 300.0}, eval[map[string]any](p, `return steps[0]`))
	s.mustServeVaulted(p) // other resources do with what there is

	leave(p, `
		window.isOld = true;
		const { client, acrValues, maxAge } = steps[0];
		tokenvault.login({ client, acrValues, maxAge, `+backHome+` })`)
	p.until(`document.querySelector("#factor") !== null`)
	fillSignInAs(p, devidp.DefaultAccount())
	isBack(p)
	got := eval[reply](p, `return `+asking(api, `{}`))
	require.Equal(t, 200, got.Status, "%+v", got)
	s.canary(p)
}
