package e2e

import "testing"

func TestVaultStarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.open("/e2e/blank.html")
	eval[any](p, `await tokenvault.ready`)
	if eval[bool](p, `return tokenvault.has("main")`) {
		t.Fatal("signed in before any sign-in")
	}
}
