package proxy

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForbidsStoring(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"no-store": true, "No-Store": true, "no-cache, no-store, must-revalidate": true, " private ,\tno-store": true,
		"": false, "no-cache": false, "private": false, "max-age=60": false, "no-stored": false, "x-no-store": false,
		`private="no-store"`: false, `a="x, no-store, y"`: false, "no-store=1": false,
	} {
		require.Equal(t, want, forbidsStoring(value), value)
	}
}

// The cache takes part only in a request whose URL was last answered with what it
// may not store.
func TestSendsAreKeptOutOfTheCache(t *testing.T) {
	t.Parallel()
	_, frame := signedIn(t)
	send := func(url, cacheControl string) bool {
		id, answer := frame.start(t.Context(), request{url: url})
		require.Equal(t, Send, answer.Action)
		frame.Head(id, Response{Status: 200, Headers: []string{"Cache-Control", cacheControl}})
		frame.End(id)
		return answer.Cache
	}
	require.False(t, send(apiURL, "no-store"), "nothing is known yet")
	require.True(t, send(apiURL, "no-store"))
	require.False(t, send(apiURL+"?other", "no-store"), "another URL")
	require.True(t, send(apiURL, "max-age=60"), "what was said last counts")
	require.False(t, send(apiURL, "no-store"))
	require.True(t, send(apiURL, "no-store"))
	id, _ := frame.start(t.Context(), request{url: apiURL})
	frame.Head(id, Response{Status: 200, Headers: []string{"Cache-Control", "no-store"}, Redirected: targetOf(apiURL + "?moved")})
	frame.End(id)
	require.False(t, send(apiURL, "no-store"), "that was said by another URL: the redirect may be stored")
	for i := range maxUnstored {
		send(apiURL+"?"+strconv.Itoa(i), "no-store")
	}
	require.False(t, send(apiURL, "no-store"), "the memory is bounded")
}
