package devidp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultAnswers(t *testing.T) {
	rg := newRig(t)
	reply := rg.tokens(t)
	ask := map[Endpoint]func() answer{
		EndpointDiscovery:  func() answer { return rg.get(t, rg.auth+"/.well-known/openid-configuration", nil) },
		EndpointJWKS:       func() answer { return rg.get(t, rg.auth+"/jwks", nil) },
		EndpointAuthorize:  func() answer { return rg.authorizeAt(t, rg.auth+"/authorize", authorization()) },
		EndpointCode:       func() answer { return rg.post(t, rg.auth+"/token", exchange("x"), nil) },
		EndpointRefresh:    func() answer { return rg.refresh(t, "x") },
		EndpointRevocation: func() answer { return rg.post(t, rg.auth+"/revoke", url.Values{}, nil) },
		EndpointUserInfo:   func() answer { return rg.get(t, rg.auth+"/userinfo", nil) },
		EndpointEndSession: func() answer { return rg.get(t, rg.auth+"/logout", nil) },
		EndpointSessions: func() answer {
			return rg.post(t, rg.auth+pingAMJSON+"/sessions/?_action=logout", url.Values{}, nil)
		},
		EndpointPush: func() answer { return rg.post(t, rg.auth+"/par", url.Values{}, nil) },
		EndpointAPI:  func() answer { return rg.call(t, "/v1/json", reply.AccessToken) },
	}
	tests := []struct {
		name   string
		fault  Fault
		status int
		code   string
	}{
		{"status", Fault{Kind: FaultStatus}, 500, "server_error"},
		{"chosen status", Fault{Kind: FaultStatus, Status: 503}, 503, "server_error"},
		{"invalid_token", Fault{Kind: FaultInvalidToken}, 401, "invalid_token"},
		{"invalid_grant", Fault{Kind: FaultInvalidGrant}, 400, "invalid_grant"},
	}
	for endpoint, send := range ask {
		for _, tt := range tests {
			tt.fault.Endpoint, tt.fault.Times = endpoint, 1
			rg.SetFaults(tt.fault)
			requireError(t, send(), tt.status, tt.code)
			require.NotContains(t, send().body, "a fault that a test asked for", "endpoint %d, %s: strikes once", endpoint, tt.name)
		}
		rg.SetFaults(Fault{Endpoint: endpoint, Kind: FaultGarbage})
		require.Contains(t, send().body, "not JSON")
		rg.SetFaults()
	}
}

func TestFaultReach(t *testing.T) {
	rg := newRig(t)
	tests := []struct {
		name   string
		faults []Fault
		path   string
		want   []int
	}{
		{"for ever", []Fault{{Endpoint: EndpointAPI, Kind: FaultStatus}}, "/public/json", []int{500, 500, 500}},
		{"twice", []Fault{{Endpoint: EndpointAPI, Kind: FaultStatus, Times: 2}}, "/public/json", []int{500, 500, 200}},
		{"this path", []Fault{{Endpoint: EndpointAPI, Kind: FaultStatus, Path: "/public/json"}}, "/public/json", []int{500}},
		{"another path", []Fault{{Endpoint: EndpointAPI, Kind: FaultStatus, Path: "/public/echo"}}, "/public/json", []int{200}},
		{"another endpoint", []Fault{{Endpoint: EndpointUserInfo, Kind: FaultStatus}}, "/public/json", []int{200}},
		{"no endpoint", []Fault{{Kind: FaultStatus}}, "/public/json", []int{200}},
		{"no kind", []Fault{{Endpoint: EndpointAPI}}, "/public/json", []int{200}},
		{"both", []Fault{{Endpoint: EndpointAPI, Kind: FaultDelay, Delay: time.Millisecond}, {Endpoint: EndpointAPI, Kind: FaultStatus, Status: 502}}, "/public/json", []int{502}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rg.SetFaults(tt.faults...)
			for _, want := range tt.want {
				require.Equal(t, want, rg.get(t, rg.api+tt.path, nil).status)
			}
		})
	}
}

func TestFaultLeavesPreflightsAlone(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultStatus, Times: 1})
	preflight := header{"Origin": appOrigin, "Access-Control-Request-Method": "GET"}
	require.Equal(t, http.StatusNoContent, rg.do(t, rg.browser, http.MethodOptions, rg.api+"/v1/json", nil, preflight).status)
	a := rg.get(t, rg.api+"/public/json", header{"Origin": appOrigin})
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.Equal(t, appOrigin, a.header.Get("Access-Control-Allow-Origin"), "a page can read the fault")
}

func TestFaultDrop(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultDrop})
	response, err := rg.browser.Get(rg.api + "/public/json")
	require.Error(t, err)
	require.Nil(t, response)
	require.True(t, rg.waitFor(t, func(r Request) bool { return r.Done }).Aborted)
}

func TestFaultDropReplyHasDoneTheWork(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).RefreshToken
	rg.SetFaults(Fault{Endpoint: EndpointRefresh, Kind: FaultDropReply})
	response, err := rg.browser.PostForm(rg.auth+"/token", refreshForm(token))
	require.Error(t, err)
	require.Nil(t, response)
	require.Equal(t, 1, rg.Stats().Refreshes)
	rg.SetFaults()
	requireError(t, rg.refresh(t, token), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, 1, rg.Stats().ReuseDetected)
}

func TestFaultHold(t *testing.T) {
	rg := newRig(t)
	release := make(chan struct{})
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultHold, Until: release})
	got := make(chan int, 1)
	go func() {
		response, err := rg.browser.Get(rg.api + "/public/json")
		if err == nil {
			got <- response.StatusCode
			err = response.Body.Close()
		}
		if err != nil {
			t.Error(err)
			close(got)
		}
	}()
	held := rg.waitFor(t, func(r Request) bool { return r.Path == "/public/json" })
	require.False(t, held.Done)
	close(release)
	require.Equal(t, http.StatusOK, <-got)
}

func TestFaultRotation(t *testing.T) {
	rg := newRig(t)
	token := rg.tokens(t).RefreshToken
	rg.SetFaults(Fault{Endpoint: EndpointRefresh, Kind: FaultNoRotation})
	require.Equal(t, token, decodeTokens(t, rg.refresh(t, token)).RefreshToken)
	rg.SetFaults(Fault{Endpoint: EndpointRefresh, Kind: FaultOmitRefresh})
	a := rg.refresh(t, token)
	require.NotContains(t, a.json(t), "refresh_token")
	rg.SetFaults()
	require.NotEqual(t, token, decodeTokens(t, rg.refresh(t, token)).RefreshToken)

	rg.SetFaults(Fault{Endpoint: EndpointCode, Kind: FaultOmitRefresh})
	require.Empty(t, rg.tokens(t).RefreshToken)
}

func TestFaultHoldEndsWithItsClient(t *testing.T) {
	rg := newRig(t)
	rg.SetFaults(Fault{Endpoint: EndpointAPI, Kind: FaultHold, Until: make(chan struct{})})
	rg.abandon(t, rg.api+"/public/json")
}

// abandon sends a request, leaves once the server has it, and waits until the
// server knows.
func (rg *rig) abandon(t *testing.T, target string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, target, strings.NewReader(""))
	require.NoError(t, err)
	ctx, cancel := contextWithCancel(t)
	finished := make(chan error, 1)
	go func() {
		response, err := rg.browser.Do(request.WithContext(ctx))
		if err == nil {
			err = response.Body.Close()
		}
		finished <- err
	}()
	u := request.URL
	rg.waitFor(t, func(r Request) bool { return r.Path == u.Path })
	cancel()
	require.Error(t, <-finished)
	r := rg.waitFor(t, func(r Request) bool { return r.Path == u.Path && r.Done })
	require.True(t, r.Aborted)
}
