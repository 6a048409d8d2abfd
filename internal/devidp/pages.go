package devidp

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed templates
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "templates/*.html"))

// pageData is what the templates show. Every page carries the warning.
type pageData struct {
	Title, Message string

	// Sign-in form.
	Transaction string
	Client      string
	Username    string
	Problem     string
	Accounts    []Account
	Factor      string // the second factor, where one is asked for

	// Sign-out form.
	Action  string
	Confirm string
	Fields  map[string]string

	// Signed-out page.
	Frames []string
	Next   string
}

func (s *Server) signInPage(w http.ResponseWriter, status int, id string, q authorizationRequest, username, problem string) {
	// Browsers hold form-action against every redirect that answers the form, so
	// the client's own origin must be in it.
	formAction := "'self' " + originOf(q.redirectURI)
	factor := ""
	if q.acr == ACRMultiFactor {
		factor = SecondFactor
	}
	s.page(w, status, "signin.html", formAction, pageData{
		Title: "Sign in", Transaction: id, Client: q.client, Username: username, Problem: problem,
		Accounts: s.options.Accounts, Factor: factor,
	})
}

func (s *Server) errorPage(w http.ResponseWriter, status int, title, message string) {
	s.page(w, status, "message.html", "'none'", pageData{Title: title, Message: message})
}

// page renders a document that runs no script, loads nothing from elsewhere but its
// own frames, and cannot be framed.
func (s *Server) page(w http.ResponseWriter, status int, name, formAction string, data pageData) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, data); err != nil {
		panic(fmt.Errorf("devidp: template %s: %w", name, err)) // a fault of this package
	}
	h := w.Header()
	frames := ""
	for _, frame := range data.Frames {
		frames += " " + originOf(frame)
	}
	if frames != "" {
		frames = " frame-src" + frames + ";"
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self';"+frames+" base-uri 'none'; frame-ancestors 'none'; form-action "+formAction)
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: that would make the form's Origin header null.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	send(w, status, "text/html; charset=utf-8", body.Bytes())
}

// serveAsset serves one of the files that the pages use.
func serveAsset(name, contentType string) http.HandlerFunc {
	body, err := assets.ReadFile("templates/" + name)
	if err != nil {
		panic(fmt.Errorf("devidp: asset %s: %w", name, err)) // a fault of this package
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		send(w, http.StatusOK, contentType, body)
	}
}
