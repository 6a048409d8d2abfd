package dist

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"tokenvault/internal/config"
	"tokenvault/internal/policy"
	"tokenvault/internal/protocol"
)

// Manifest describes a build: what it was made of and for, and every file of
// it but the manifest itself.
type Manifest struct {
	Protocol int    `json:"protocol"` // version that the three parts speak
	Build    string `json:"build"`    // hash of everything that went in
	Go       string `json:"go"`       // release that compiled it
	Worker   string `json:"worker"`   // path of the service worker the page registers
	Scope    string `json:"scope"`
	Table    string `json:"table"` // the policy baked in, see policy.Decode
	Pages    string `json:"pages"` // hash of what the configuration says about the vault's own pages
	Files    []File `json:"files"` // in the order of their names
}

// File is one file of a build.
type File struct {
	Path      string `json:"path"` // from the build's folder on, with slashes
	Size      int    `json:"size"`
	SHA256    string `json:"sha256"`    // hexadecimal
	Integrity string `json:"integrity"` // for the attribute of that name (SRI)
}

func newManifest(in inputs, build string, all files) *Manifest {
	m := &Manifest{
		Protocol: protocol.Version, Build: build, Go: in.wasm.GoVersion,
		Worker: in.worker, Scope: in.scope, Table: policy.Encode(in.table),
		Pages: pagesName(in.pages),
	}
	for _, name := range all.names() {
		m.Files = append(m.Files, describe(name, all[name]))
	}
	return m
}

// pagesName is the hash of the texts and the language that a configuration sets.
func pagesName(pages config.Pages) string { return hexSHA256([]byte(literal(pages)))[:16] }

func describe(name string, content []byte) File {
	return File{
		Path: name, Size: len(content),
		SHA256: hexSHA256(content), Integrity: integrity(sha384Name, content),
	}
}

func (m *Manifest) encode() []byte {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(text, '\n')
}

// decodeManifest reads a manifest and tells one of ours from other JSON.
func decodeManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Build == "" || m.Table == "" {
		return nil, fmt.Errorf("%s: no build and no table in it", manifestName)
	}
	return m, nil
}

// Algorithms of subresource integrity, by their names there.
const (
	sha256Name = "sha256"
	sha384Name = "sha384"
)

func integrity(algorithm string, content []byte) string {
	var sum []byte
	if algorithm == sha256Name {
		short := sha256.Sum256(content)
		sum = short[:]
	} else {
		long := sha512.Sum384(content)
		sum = long[:]
	}
	return algorithm + "-" + base64.StdEncoding.EncodeToString(sum)
}

func hexSHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
