package demo

import (
	"net/http"

	"tokenvault/internal/policy"
)

// vaultOnly hides the app's Origin from the authorization server at the
// endpoints that give or take tokens or authorization requests, so that its CORS admits the vault alone
// there. The request is answered as it would be without CORS: the browser keeps
// the answer from the script. Real servers have a list of web origins for each
// client instead, and the app does not belong on it.
func vaultOnly(next http.Handler, table *policy.Table) http.Handler {
	paths := map[string]bool{}
	for _, client := range table.Clients {
		for _, endpoint := range []policy.Endpoint{client.Token, client.Revocation, client.UserInfo, client.SignIn.Pushed} {
			paths[endpoint.Path] = endpoint.Path != ""
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if paths[r.URL.Path] && r.Header.Get("Origin") == table.AppOrigin {
			r = r.Clone(r.Context())
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}
