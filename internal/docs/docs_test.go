package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tokenvault/internal/config"
)

func TestEveryConfigurationKeyIsExplained(t *testing.T) {
	assert.ElementsMatch(t, configurationKeys(t), rows(t, read(t, "README.md"), "## Configuration"),
		"the keys that internal/config knows, and the rows of README's table")
}

// strange is a key that no version will know.
const strange = "strange key"

// configurationKeys asks the parser itself. It gives it the example with a strange
// key in every object; the error about each lists the keys that are known there.
func configurationKeys(tb testing.TB) []string {
	tb.Helper()
	var example any
	require.NoError(tb, json.Unmarshal([]byte(read(tb, "tokenvault.example.json")), &example))
	spoil(example)
	text, err := json.Marshal(example)
	require.NoError(tb, err)
	_, err = config.Parse(text)
	require.ErrorIs(tb, err, config.ErrInvalid)

	var keys []string
	for _, fault := range faults(err) {
		object, isStrange := strings.CutSuffix(fault.Key, strange)
		_, known, listed := strings.Cut(fault.Mend, "known here are ")
		if !isStrange || !listed {
			continue
		}
		for name := range strings.SplitSeq(known, ", ") {
			keys = append(keys, index.ReplaceAllString(object+name, "[]"))
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	require.Contains(tb, keys, "clients[].resources[].url", "the parser no longer lists its keys")
	return keys
}

// TestRecipesAreConfigurations holds what README.md and the recipes show to the parser:
// people copy it.
func TestRecipesAreConfigurations(t *testing.T) {
	found := 0
	for _, name := range documents(t) {
		for _, block := range jsonBlock.FindAllStringSubmatch(read(t, name), -1) {
			require.True(t, json.Valid([]byte(block[1])), "%s has what is no JSON:\n%s", name, block[1])
			if !strings.Contains(block[1], `"clients"`) {
				continue
			}
			found++
			_, err := config.Parse([]byte(block[1]))
			assert.NoError(t, err, "%s:\n%s", name, block[1])
		}
	}
	assert.Greater(t, found, 7, "there is a configuration for each authorization server")
}

var jsonBlock = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")

var index = regexp.MustCompile(`\[\d+\]`)

// spoil adds a strange key to every object within a JSON value.
func spoil(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			spoil(item)
		}
	case map[string]any:
		for _, member := range value {
			spoil(member)
		}
		value[strange] = true
	}
}

// faults takes a joined error apart.
func faults(err error) []*config.KeyError {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var all []*config.KeyError
		for _, one := range joined.Unwrap() {
			all = append(all, faults(one)...)
		}
		return all
	}
	if fault := (*config.KeyError)(nil); errors.As(err, &fault) {
		return []*config.KeyError{fault}
	}
	return nil
}

func TestEveryErrorCodeIsExplained(t *testing.T) {
	codes := stringConstants(t, "internal/protocol", "Code")
	require.NotEmpty(t, codes)
	assert.ElementsMatch(t, codes, rows(t, read(t, "README.md"), "### Error codes"),
		"the codes of internal/protocol, and the rows of README's table")
	assert.ElementsMatch(t, codes, quotedNames.FindAllString(declaration(t, "type TokenVaultErrorCode ="), -1),
		"the codes of internal/protocol, and the type TokenVaultErrorCode")
}

var quotedNames = regexp.MustCompile(`[a-z]+_[a-z_]+`)

func TestEveryEventAndMethodIsExplained(t *testing.T) {
	explained := rows(t, read(t, "README.md"), "## JavaScript API")
	var members []string
	for _, member := range append(
		typeMember.FindAllStringSubmatch(declaration(t, "interface TokenVaultEvents {"), -1),
		typeMember.FindAllStringSubmatch(declaration(t, "interface TokenVault {"), -1)...) {
		members = append(members, member[1])
	}
	require.Contains(t, members, "signedin")
	require.Contains(t, members, "logout")

	var names []string
	for _, row := range explained {
		name, _, _ := strings.Cut(row, "(")
		names = append(names, name)
	}
	assert.ElementsMatch(t, members, names, "events and members of static/types/tokenvault.d.ts, and the rows of README's tables")
}

// typeMember matches a member of an interface of TypeScript, one a line.
var typeMember = regexp.MustCompile(`(?m)^  (?:readonly )?([A-Za-z]+)[(:<]`)

// declaration returns what the types declare after a beginning, without comments.
func declaration(tb testing.TB, beginning string) string {
	tb.Helper()
	_, rest, found := strings.Cut(read(tb, "static/types/tokenvault.d.ts"), beginning)
	require.True(tb, found, beginning)
	end := "\n}"
	if !strings.HasSuffix(beginning, "{") {
		end = ";"
	}
	rest, _, _ = strings.Cut(blockComment.ReplaceAllString(rest, ""), end)
	return rest
}

var blockComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// stringConstants returns the values of a package's constants of a type.
func stringConstants(tb testing.TB, folder, typeName string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	require.NoError(tb, err)
	var values []string
	for _, file := range files {
		for _, declared := range parse(tb, file).Decls {
			group, is := declared.(*ast.GenDecl)
			if !is || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				constant := spec.(*ast.ValueSpec)
				if name, is := constant.Type.(*ast.Ident); !is || name.Name != typeName {
					continue
				}
				for _, value := range constant.Values {
					text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					require.NoError(tb, err)
					values = append(values, text)
				}
			}
		}
	}
	return values
}

func parse(tb testing.TB, file string) *ast.File {
	tb.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(tb, err)
	return parsed
}

func TestQuotedTestsExist(t *testing.T) {
	exist := testFunctions(t)
	for _, name := range documents(t) {
		for _, quoted := range testName.FindAllString(read(t, name), -1) {
			if !exist[quoted] {
				t.Errorf("%s quotes %s, which is no test", name, quoted)
			}
		}
	}
	assert.NotEmpty(t, testName.FindAllString(read(t, "SECURITY.md"), -1), "SECURITY.md names no witness")
}

var testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]*\b`)

// testFunctions are the names of all test and fuzz functions.
func testFunctions(tb testing.TB) map[string]bool {
	tb.Helper()
	found := map[string]bool{}
	walk(tb, func(file string) {
		if !strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, declared := range parse(tb, filepath.Join(root, file)).Decls {
			if function, is := declared.(*ast.FuncDecl); is && function.Recv == nil && testName.MatchString(function.Name.Name) {
				found[function.Name.Name] = true
			}
		}
	})
	return found
}

func TestLinksResolve(t *testing.T) {
	for _, name := range documents(t) {
		t.Run(name, func(t *testing.T) {
			for _, link := range links.FindAllStringSubmatch(prose(read(t, name)), -1) {
				if problem := follow(t, name, link[1]); problem != "" {
					t.Errorf("(%s): %s", link[1], problem)
				}
			}
		})
	}
}

var links = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// follow returns what is wrong with a link in a document. Links to other sites
// are not asked for: a test does not depend on them.
func follow(tb testing.TB, document, link string) string {
	tb.Helper()
	target, err := url.Parse(link)
	switch {
	case err != nil:
		return err.Error()
	case target.IsAbs():
		return ""
	case path.IsAbs(target.Path):
		return "a link has to be relative"
	}
	to := document
	if target.Path != "" {
		to = filepath.Join(filepath.Dir(document), filepath.FromSlash(target.Path))
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return "there is no such file"
	}
	if target.Fragment != "" && !anchors(read(tb, to))[target.Fragment] {
		return fmt.Sprintf("%s has no heading of this name", to)
	}
	return ""
}

func TestMakeTargetsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, name := range documents(t) {
		for _, command := range makeCommand.FindAllStringSubmatch(code(read(t, name)), -1) {
			assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(command[1])+`:`, makefile, "%s names make %s", name, command[1])
		}
	}
	for _, target := range publicTarget.FindAllStringSubmatch(makefile, -1) {
		assert.Contains(t, read(t, "README.md"), "`make "+target[1]+"`", "the README does not explain a target")
	}
}

var (
	makeCommand  = regexp.MustCompile(`\bmake ([a-z0-9_-]+)`)
	publicTarget = regexp.MustCompile(`(?m)^([a-z0-9_-]+):.*## `)
)

// TestTheTestsSeeFaults is the control: each of the readers above finds what it
// is for.
func TestTheTestsSeeFaults(t *testing.T) {
	const text = "# A title\n\n## Keys\n\n| `a.b` | x |\n| b | `c` |\n\n`make spans`\n\n    make blocks\n\n```\nmake fences\n[no](link)\n```\n\n## Next, and last!\n\n| `d` | x |\n[to](gone.md)\n"
	assert.Equal(t, []string{"a.b"}, rows(t, text, "## Keys"))
	assert.Equal(t, [][]string{{"make fences", "fences"}, {"make blocks", "blocks"}, {"make spans", "spans"}},
		makeCommand.FindAllStringSubmatch(code(text), -1))
	assert.Equal(t, [][]string{{"](gone.md)", "gone.md"}}, links.FindAllStringSubmatch(prose(text), -1))
	assert.Equal(t, map[string]bool{"a-title": true, "keys": true, "next-and-last": true}, anchors(text))
	assert.Empty(t, follow(t, "README.md", "internal/docs/docs_test.go"))
	assert.Empty(t, follow(t, "README.md", "https://example.com/gone"))
	assert.Equal(t, "there is no such file", follow(t, "README.md", "gone.md"))
	assert.Equal(t, "README.md has no heading of this name", follow(t, "README.md", "#gone"))
	assert.Equal(t, "a link has to be relative", follow(t, "README.md", "/README.md"))
	assert.Equal(t, []string{"TestThat", "FuzzThis"}, testName.FindAllString("TestThat, FuzzThis, Testing, aTestIt", -1))
}
