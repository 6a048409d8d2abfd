package devidp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

func TestRequestLogKeepsWhatTheAPISaw(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).AccessToken
	rg.ClearRequests()
	require.Empty(t, rg.LastAuthorization())
	rg.get(t, rg.api+"/v1/status/%32%30%34?a=b%20c", header{"Authorization": "Bearer " + token, "X-Mine": "y"})
	r := rg.waitFor(t, func(r Request) bool { return r.Done })
	require.Equal(t, APIServer, r.Server)
	require.Equal(t, "api", r.Server.String())
	require.Equal(t, "/v1/status/%32%30%34", r.Path)
	require.Equal(t, "a=b%20c", r.Query)
	require.Equal(t, "y", r.Header.Get("X-Mine"))
	require.Equal(t, "Bearer "+token, r.Authorization)
	require.Equal(t, http.StatusNoContent, r.Status)
	require.False(t, r.Aborted)
	require.Equal(t, "Bearer "+token, rg.LastAuthorization())
	rg.get(t, rg.auth+"/jwks", nil)
	require.Equal(t, "Bearer "+token, rg.LastAuthorization(), "the authorization server is not the API")
	rg.get(t, rg.api+"/public/json", nil)
	require.Empty(t, rg.LastAuthorization())
	require.Len(t, rg.Requests(), 3)
	require.Equal(t, "auth", rg.Requests()[1].Server.String())
	require.Equal(t, "unknown", UnknownServer.String())
}

func TestRequestLogIsACopy(t *testing.T) {
	rg := newRig(t)
	rg.get(t, rg.api+"/public/json", header{"X-Mine": "y"})
	rg.Requests()[0].Header.Set("X-Mine", "z")
	require.Equal(t, "y", rg.Requests()[0].Header.Get("X-Mine"))
}

func TestRequestLogIsBounded(t *testing.T) {
	l := newRequestLog()
	h := l.record(APIServer, time.Now, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range maxRequests + 5 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	require.Len(t, l.snapshot(), maxRequests)
}

func TestWaitRequestGivesUp(t *testing.T) {
	rg := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := rg.WaitRequest(ctx, func(Request) bool { return false })
	require.ErrorIs(t, err, context.Canceled)
}

func TestSlowRequestEndsWithItsClient(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultDelay, Delay: time.Minute})
	rg.abandon(t, rg.api+"/public/json")
}
