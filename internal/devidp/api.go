package devidp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// protectedAPI is what lies under /v1/ and the prefixes of Options.Resources.
// bearerOnly stands in front of it.
func (s *Server) protectedAPI(prefix string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(prefix+"/json", apiJSON)
	mux.HandleFunc(prefix+"/echo", apiEcho)
	mux.HandleFunc(prefix+"/whoami", apiWhoAmI)
	mux.HandleFunc(prefix+"/stepup", s.apiStepUp)
	s.mountCommon(mux, prefix)
	mux.HandleFunc("/", apiNotFound)
	return mux
}

// mountCommon mounts what does not care for its caller. It is both under /v1/, with
// a token, and under /public/, without: so that a test can make one request in two
// ways, through the vault that has /public/ on its list, and past it.
func (s *Server) mountCommon(mux *http.ServeMux, prefix string) {
	for path, handler := range map[string]http.HandlerFunc{
		"/text":           apiText,
		"/binary":         apiBinary,
		"/big":            apiBig,
		"/chunks":         apiChunks,
		"/file":           apiFile,
		"/sse":            apiEvents,
		"/steps/{id}":     s.apiSteps,
		"/steps/{id}/ack": only(s.apiStepsAck, http.MethodPost),
		"/slow":           apiSlow,
		"/drop":           apiDrop,
		"/cut":            apiCut,
		"/redirect":       apiRedirect,
		"/status/{code}":  apiStatus,
		"/upload":         only(apiUpload, http.MethodPost, http.MethodPut, http.MethodPatch),
		"/headers":        apiHeaders,
		"/sound":          apiSound,
		"/picture":        apiPicture,
		"/style":          apiStyle,
		"/script":         apiScript,
		"/module":         apiModule,
	} {
		mux.HandleFunc(prefix+path, handler)
	}
}

// publicAPI is what lies under /public/ and needs no token.
func (s *Server) publicAPI() http.Handler {
	mux := http.NewServeMux()
	s.mountCommon(mux, "/public")
	mux.HandleFunc("/public/json", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"message": "anybody may read this", "authorized": r.Header.Get("Authorization") != ""})
	})
	mux.HandleFunc("/public/echo", func(w http.ResponseWriter, r *http.Request) {
		reflection, err := reflectRequest(w, r)
		if badQuery(w, err) {
			return
		}
		writeJSON(w, http.StatusOK, reflection)
	})
	mux.HandleFunc("/", apiNotFound)
	return mux
}

func apiNotFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, http.StatusNotFound, "not_found", "there is no such resource")
}

func apiJSON(w http.ResponseWriter, r *http.Request) {
	type item struct {
		ID    int     `json:"id"`
		Name  string  `json:"name"`
		Price float64 `json:"price"`
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"message": "this came from the protected API",
		"method":  r.Method,
		"items":   []item{{1, "Looking glass", 12.5}, {2, "Pocket watch", 80}, {3, "Teapot für zwei", 24.99}},
	})
}

// apiWhoAmI names the token by its hash, which is all that a page needs to see that
// the API got one.
func apiWhoAmI(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r)
	sum := sha256.Sum256([]byte(c.token))
	writeJSON(w, http.StatusOK, map[string]any{
		"subject": c.subject, "client_id": c.client, "scope": c.scope, "expires": c.expires,
		"token_sha256": hex.EncodeToString(sum[:]),
	})
}
