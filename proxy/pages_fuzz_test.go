package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenvault/internal/protocol"
)

// What is accepted can be written down and is read again as it was.
func FuzzParseLogin(f *testing.F) {
	for _, seed := range []string{
		"", "client=main", aliceLogin, popupLogin, "client=spa&prompt=none&max_age=0&acr_values=a+b&login_hint=%C3%A9&ui_locales=nl",
		"client=main&handle=", "client=main&login_hint=%00", "client=main&client=main", "client=other", "client=main&login_hint=%FF",
		"&&client=main&", "client=main&login_hint=" + strings.Repeat("/", 4000),
	} {
		f.Add(seed)
	}
	pages := newRig(f).window().Pages
	f.Fuzz(func(t *testing.T, fragment string) {
		request, err := pages.parseLogin(fragment)
		if err != nil {
			require.Equal(t, loginRequest{}, request)
			return
		}
		require.True(t, request.client.OwnsSignIn())
		for _, p := range request.parameters {
			require.Contains(t, []string{"login_hint", "acr_values", "max_age", "prompt", "ui_locales"}, p.name)
		}
		written := request.encode()
		require.NotContains(t, written, "\n")
		again, err := pages.parseLogin(written)
		if len(written) > maxLogin {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, request, again)
	})
}

// No query stores anything without a sign-in that it belongs to.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"", "code=code-1&state=s", "state=&code=code-1", "error=access_denied&state=", "%", "state=s&state=s", "iss=" + authIssuer,
	} {
		f.Add(seed, "")
		f.Add(seed, aliceLogin)
		f.Add(aliceLogin, seed)
	}
	rig := newRig(f)
	window := rig.window()
	window.authorize(f, window.login(f, aliceLogin))
	before := rig.transactions(f)
	f.Fuzz(func(t *testing.T, query, remembered string) {
		for _, page := range []Page{
			window.Callback(t.Context(), query, remembered),
			window.Confirm(t.Context(), query, ChoiceReplace),
		} {
			requireView(t, page, ViewStale)
		}
		for _, page := range []Page{
			window.Logout(t.Context(), query, Target{}),
			window.SignedOut(t.Context(), query, ""),
			window.FrontChannelLogout(t.Context(), query),
		} {
			requireView(t, page, ViewSignedOut)
		}
		require.Nil(t, rig.store.record("session/main"))
		require.Equal(t, before, rig.transactions(t))
		require.Empty(t, rig.asked())
		require.Empty(t, rig.published)
	})
}

func FuzzDecodeTransactions(f *testing.F) {
	now := newOrigin(f).clock()
	f.Add([]byte(nil))
	f.Add([]byte("garbage"))
	f.Add(encodeTransactions([]transaction{
		{id: "1", purpose: purposeSignIn, begun: timestamp(now)},
		{id: "2", purpose: purposeAccountChange, begun: timestamp(now), session: &session{grant: grant{access: secretOf("a")}}},
	}))
	f.Add(protocol.Pack(nil, "1", purposeAccountChange, "", timestamp(now), "", "", "", "x", "2"))
	f.Fuzz(func(t *testing.T, record []byte) {
		all := decodeTransactions(record)
		for _, each := range all {
			require.False(t, each.purpose == purposeAccountChange && each.session == nil)
		}
		require.Equal(t, all, decodeTransactions(encodeTransactions(all)))
		open, old := openAmong(all, now)
		require.Len(t, all, len(open)+len(old))
		for _, each := range open {
			require.True(t, isCurrent(each.begun, now))
		}
	})
}
