package devidp

import (
	"net/http"
	"net/url"
)

// farewells are the URLs to frame when sessions have ended: one for each client that
// had somebody sign in within them and wants to be told (OpenID Connect Front-Channel
// Logout 1.0). iss and sid go together, and only to clients that require them, so
// that a test sees what a client does without. The caller holds s.mu.
func (s *Server) farewells(ended []*session) []string {
	var frames []string
	for _, session := range ended {
		for _, m := range session.members {
			client := s.clients[m.client]
			if client.FrontChannelLogoutURI == "" {
				continue
			}
			values := url.Values{}
			if client.FrontChannelLogoutSessionRequired {
				values.Set("iss", m.issuer.url)
				values.Set("sid", session.id)
			}
			frames = append(frames, withQuery(client.FrontChannelLogoutURI, values))
		}
	}
	return frames
}

// signedOutPage frames the clients' pages and then goes on, without a script: a
// Refresh of no seconds is due when the document has loaded, its frames included. A
// frame that never loads does not hold the person up, since there is a link.
func (s *Server) signedOutPage(w http.ResponseWriter, next string, frames []string) {
	data := pageData{
		Title: "You are signed out", Message: "You can close this page or go back to the app.",
		Frames: frames, Next: next,
	}
	if next != "" {
		data.Message = "You are taken back to the app."
		w.Header().Set("Refresh", "0; url="+next)
	}
	s.page(w, http.StatusOK, "signedout.html", "'none'", data)
}
