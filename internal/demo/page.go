package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"

	"tokenvault/internal/devidp"
	"tokenvault/static/demo"
)

// page is what the demonstration page is told: /demo/config.json. The typedef
// DemoConfig in static/demo/demo.js names the same members.
type page struct {
	App                   string  `json:"app"`
	Vault                 string  `json:"vault"`
	API                   string  `json:"api"`
	Client                string  `json:"client"`
	ClientID              string  `json:"clientId"`
	Scope                 string  `json:"scope"`
	RedirectURI           string  `json:"redirectUri"`
	AuthorizationEndpoint string  `json:"authorizationEndpoint"`
	TokenEndpoint         string  `json:"tokenEndpoint"`
	Account               account `json:"account"`
	// Vaulted is the client that the vault signs in; nil where there is none.
	Vaulted *vaulted `json:"vaulted"`
	Calls   calls    `json:"calls"`
}

type vaulted struct {
	Client string `json:"client"`
	WhoAmI string `json:"whoami"`
}

type account struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// calls are URLs of the API. Outside and Public are not on the vault's list.
type calls struct {
	WhoAmI    string `json:"whoami"`
	Protected string `json:"protected"`
	Public    string `json:"public"`
	Echo      string `json:"echo"`
	Outside   string `json:"outside"`
	Redirect  string `json:"redirect"`
}

// pagePolicy is the Content-Security-Policy of the app's pages: what an app of
// this kind needs, and no more.
func pagePolicy(o Origins) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data:",
		"connect-src 'self' " + o.Auth + " " + o.API,
		"frame-src " + o.Vault,
		"worker-src 'self'",
		"form-action 'self' " + o.Auth,
		"manifest-src 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// pageFiles places the page's files where index.html looks for them: itself at
// the root, the others below demo/.
type pageFiles struct{}

var _ fs.FS = pageFiles{}

func (pageFiles) Open(name string) (fs.File, error) {
	if name == "index.html" {
		return demo.Files.Open(name)
	}
	file, below := strings.CutPrefix(name, "demo/")
	if !below || file == "index.html" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return demo.Files.Open(file)
}

// serveConfig answers with the page's configuration.
func serveConfig(p page) (http.Handler, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sendJSON(w, body)
	}), nil
}

// maxHashes bounds the body of a question to issued: a crawl of a whole page
// gives some ten thousand hashes.
const maxHashes = 16 << 20

// match is an issued token or code, by its hash.
type match struct {
	Hash   string `json:"hash"`
	Kind   string `json:"kind"`
	Active bool   `json:"active"`
}

// issued tells which of the SHA-256 hashes in a question belong to a token or
// code that the authorization server has issued. A hash gives nothing away: who
// has it has the token already, or cannot get it from here.
func issued(tokens func() []devidp.IssuedToken) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "use POST", http.StatusMethodNotAllowed)
			return
		}
		var question struct {
			Hashes []string `json:"hashes"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxHashes)).Decode(&question); err != nil {
			http.Error(w, "the body has to be {\"hashes\": [\"…\"]}: "+err.Error(), http.StatusBadRequest)
			return
		}
		asked := make(map[string]bool, len(question.Hashes))
		for _, hash := range question.Hashes {
			asked[hash] = true
		}
		answer := struct {
			Issued  int     `json:"issued"`
			Matches []match `json:"matches"`
		}{Matches: []match{}}
		for _, token := range tokens() {
			answer.Issued++
			sum := sha256.Sum256([]byte(token.Value))
			if hash := hex.EncodeToString(sum[:]); asked[hash] {
				answer.Matches = append(answer.Matches, match{Hash: hash, Kind: token.Kind.String(), Active: token.Active})
			}
		}
		body, err := json.Marshal(answer)
		if err != nil {
			http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
			return
		}
		sendJSON(w, body)
	})
}

// sendJSON answers with a body that no cache keeps.
func sendJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := bytes.NewReader(body).WriteTo(w); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}
