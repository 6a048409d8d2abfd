// Package budget says how large the two WebAssembly binaries may be and what
// they may not import. Its test builds both and holds them to it (DESIGN §4).
//
// Imports decide the size: one fmt.Sprintf adds more than all our code. And some
// may not be there at all, whatever they cost: a second URL parser disagrees
// with the browser's, which is a way around the allow-list; cryptography in Go
// holds key bytes where the browser's keys cannot be extracted. A package counts
// however far down it is imported, so a failure comes with the chain of imports
// that leads to it.
package budget

import "strings"

// Binary is one of the two programs and its budget.
type Binary struct {
	Name    string
	Package string
	Raw     int // bytes
	Brotli  int // bytes at level 11
	Forbid  []Forbidden
}

// Forbidden are packages that a binary may not have, and why.
type Forbidden struct {
	Path string // an import path, or one that ends in "/..." and stands for all below it
	Why  string
}

// matches reports whether an import path is forbidden by f.
func (f Forbidden) matches(path string) bool {
	if below, all := strings.CutSuffix(f.Path, "/..."); all {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == f.Path
}

// Finding is a forbidden package that a binary has.
type Finding struct {
	Forbidden
	Chain []string // from the binary's package to the forbidden one
}

// String names the offender, the reason, and how it came in.
func (f Finding) String() string {
	return f.Chain[len(f.Chain)-1] + " is forbidden: " + f.Why + "\n  imported by " + strings.Join(f.Chain, "\n    → ")
}

// Imports are the direct imports of each package.
type Imports map[string][]string

// Find returns what of the forbidden is reachable from a package. Of several
// chains to one package it reports a shortest, and behind a forbidden package it
// looks no further: what that imports goes when it goes.
func Find(imports Imports, from string, forbid []Forbidden) []Finding {
	var found []Finding
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if f, is := firstMatch(forbid, at); is {
			found = append(found, Finding{f, chain(cameFrom, at)})
			continue
		}
		for _, next := range imports[at] {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = at
				queue = append(queue, next)
			}
		}
	}
	return found
}

func firstMatch(forbid []Forbidden, path string) (Forbidden, bool) {
	for _, f := range forbid {
		if f.matches(path) {
			return f, true
		}
	}
	return Forbidden{}, false
}

// chain follows the way back from a package to the one that nothing came from.
func chain(cameFrom map[string]string, to string) []string {
	var way []string
	for at := to; at != ""; at = cameFrom[at] {
		way = append([]string{at}, way...)
	}
	return way
}
