//go:build !js

package wasmtest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exitMark begins the line by which a page says that it is over.
const exitMark = "wasmtest: exit code "

// releasedCall is what wasm_exec.js's counterpart in syscall/js prints when
// JavaScript calls a callback after its release.
const releasedCall = "call to released function"

// line is one message of the console, or an exception that nobody caught.
type line struct {
	text     string
	uncaught bool
}

// transcript judges what a page printed.
type transcript struct {
	ran, skipped int
	exit         string
	noise        []string
}

// add takes note of a message; true when it was the last.
func (s *transcript) add(l line) bool {
	if l.uncaught {
		s.noise = append(s.noise, "uncaught: "+l.text)
		return false
	}
	for text := range strings.Lines(l.text) {
		text = strings.TrimSpace(text)
		code, exit := strings.CutPrefix(text, exitMark)
		switch {
		case exit:
			s.exit = code
			return true
		case strings.HasPrefix(text, "=== RUN "):
			s.ran++
		case strings.HasPrefix(text, "--- SKIP: "):
			s.skipped++
		case strings.Contains(text, releasedCall):
			s.noise = append(s.noise, text)
		}
	}
	return false
}

// faults says why the run does not count as passed.
func (s *transcript) faults() []string {
	faults := s.noise
	if s.exit != "0" {
		faults = append(faults, "exit code "+s.exit)
	}
	if s.ran == 0 {
		faults = append(faults, "no test ran")
	}
	if s.skipped > 0 {
		faults = append(faults, "tests skipped: "+strconv.Itoa(s.skipped))
	}
	return faults
}

func TestTranscript(t *testing.T) {
	run := line{text: "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS"}
	exit := line{text: exitMark + "0"}
	tests := map[string]struct {
		lines  []line
		faults []string
	}{
		"passed":            {[]line{run, exit}, nil},
		"failed":            {[]line{run, {text: exitMark + "1"}}, []string{"exit code 1"}},
		"nothing ran":       {[]line{{text: "testing: warning: no tests to run"}, exit}, []string{"no test ran"}},
		"skipped":           {[]line{run, {text: "    --- SKIP: TestA/b (0.00s)"}, exit}, []string{"tests skipped: 1"}},
		"uncaught":          {[]line{run, {text: "Error: x", uncaught: true}, exit}, []string{"uncaught: Error: x"}},
		"released callback": {[]line{run, {text: releasedCall}, exit}, []string{releasedCall}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var script transcript
			for i, l := range test.lines {
				require.Equal(t, i == len(test.lines)-1, script.add(l))
			}
			require.Equal(t, test.faults, script.faults())
		})
	}
}
