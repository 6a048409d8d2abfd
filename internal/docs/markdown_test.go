package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// root is the checkout, seen from this package.
const root = "../.."

// documents are all Markdown files of the project.
func documents(tb testing.TB) []string {
	tb.Helper()
	var names []string
	walk(tb, func(path string) {
		if filepath.Ext(path) == ".md" {
			names = append(names, path)
		}
	})
	require.NotEmpty(tb, names)
	return names
}

// walk calls visit for each file of the project, with its path from root on.
func walk(tb testing.TB, visit func(path string)) {
	tb.Helper()
	require.NoError(tb, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = strings.TrimPrefix(path, root+string(filepath.Separator))
		switch path {
		case "node_modules", "dist", "bin", ".git": // at the root; internal/dist is ours
			if entry.IsDir() { // in a worktree .git is a file, and SkipDir would skip the root
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.IsDir() {
			visit(path)
		}
		return nil
	}))
}

func read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(tb, err)
	return string(text)
}

// rows returns the first cells of a section's table rows: the backquoted term
// that each row is about. Rows that begin with anything else are left out.
func rows(tb testing.TB, text, heading string) []string {
	tb.Helper()
	_, section, found := strings.Cut(text, "\n"+heading+"\n")
	require.True(tb, found, "there is no heading %q", heading)
	if next := anyHeading.FindStringIndex(section); next != nil {
		section = section[:next[0]]
	}
	var terms []string
	for _, cell := range firstCell.FindAllStringSubmatch(section, -1) {
		terms = append(terms, cell[1])
	}
	return terms
}

var (
	anyHeading = regexp.MustCompile(`(?m)^#{1,6} `)
	firstCell  = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
)

// code returns the code of a document: fenced and indented blocks, and spans.
func code(text string) string {
	var found []string
	for _, pattern := range []*regexp.Regexp{fence, indented, span} {
		found = append(found, pattern.FindAllString(text, -1)...)
	}
	return strings.Join(found, "\n")
}

var (
	fence    = regexp.MustCompile("(?ms)^```.*?^```$")
	indented = regexp.MustCompile(`(?m)^    \S.*$`)
	span     = regexp.MustCompile("`[^`\n]+`")
)

// prose is a document without its code: what looks like a link there is none.
func prose(text string) string {
	for _, pattern := range []*regexp.Regexp{fence, indented, span} {
		text = pattern.ReplaceAllString(text, "")
	}
	return text
}

// anchors are the fragments that a document's headings have where Markdown is
// shown: lower case, hyphens for spaces, no punctuation.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, line := range headingLine.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		found[slug(line[1])] = true
	}
	return found
}

var headingLine = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)

func slug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}
