package devidp

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
)

// maxForm bounds the body of a form request.
const maxForm = 64 << 10

var (
	errNotForm  = errors.New("the body must be application/x-www-form-urlencoded")
	errRepeated = errors.New("a parameter must not be repeated")
)

// send writes a whole body. A write fails when the client is gone; then there is
// nobody to tell, and the connection is of no more use.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		panic(http.ErrAbortHandler)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("devidp: a reply that is no JSON: %w", err)) // a fault of this package
	}
	send(w, status, "application/json", append(body, '\n'))
}

// oauthError is the body of RFC 6749 section 5.2.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func writeError(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, oauthError{Code: code, Description: description})
}

// readForm reads the parameters of a form body. A repeated parameter is an error
// (RFC 6749 section 3.2): two readers could pick a different one.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || contentType != "application/x-www-form-urlencoded" {
		return nil, errNotForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the form cannot be read: %w", err)
	}
	return r.PostForm, checkSingle(r.PostForm)
}

// readParameters reads a request that may come as a query or as a form.
func readParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return readForm(w, r)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	return values, checkSingle(values)
}

// checkSingle lets only resource be repeated (RFC 8707 section 2).
func checkSingle(values url.Values) error {
	for name, v := range values {
		if len(v) > 1 && name != "resource" {
			return errRepeated
		}
	}
	return nil
}

// withQuery adds parameters to a URL that may have some already, leaving those as
// they are.
func withQuery(uri string, values url.Values) string {
	if len(values) == 0 {
		return uri
	}
	separator := "?"
	if u, err := url.Parse(uri); err == nil && (u.RawQuery != "" || u.ForceQuery) {
		separator = "&"
	}
	return uri + separator + values.Encode()
}
