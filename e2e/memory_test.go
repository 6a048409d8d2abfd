package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// searchProcesses returns the names of the needles that are anywhere in the
// memory of the browser's renderer processes that run these targets. The vault's frame has
// a process of its own (Origin-Agent-Cluster), so nothing of it is among them: a
// token in here is one that a Spectre gadget of the app could read.
//
// A process is known by a marker that is put into each target.
func searchProcesses(targets []*tab, needles map[string]string) []string {
	t := targets[0].t
	t.Helper()
	marker := "marker-" + rand.Text()
	for _, target := range targets {
		eval[any](target, `globalThis.canaryMarker = `+js(marker)+`.toLowerCase()`)
	}
	patterns := map[string]string{strings.ToLower(marker): ""}
	for needle, name := range needles {
		patterns[needle] = name
	}
	var found []string
	processes := 0
	for _, pid := range renderers(targets[0]) {
		seen := searchMemory(t, pid, patterns)
		if !seen[strings.ToLower(marker)] {
			continue
		}
		processes++
		for pattern := range seen {
			if name := patterns[pattern]; name != "" {
				found = append(found, name)
			}
		}
	}
	require.Positive(t, processes, "the app's process was not found: the canary would look at half of the app")
	return found
}

// renderers lists the renderer processes of the tab's browser.
func renderers(p *tab) []int64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	info, err := chromedp.CallBrowser(ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	require.NoError(p.t, err)
	var pids []int64
	for _, process := range info.ProcessInfo {
		if process.Type == "renderer" {
			pids = append(pids, process.ID)
		}
	}
	require.NotEmpty(p.t, pids, "no renderer process runs")
	return pids
}

// searchMemory returns which patterns are in the writable memory of a process.
func searchMemory(t testing.TB, pid int64, patterns map[string]string) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	folder := filepath.Join("/proc", strconv.FormatInt(pid, 10))
	maps, err := os.Open(filepath.Join(folder, "maps"))
	if err != nil {
		return seen // ended meanwhile
	}
	defer maps.Close() //nolint:errcheck // read only
	memory, err := os.Open(filepath.Join(folder, "mem"))
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, os.ErrNotExist) {
		return seen // ended meanwhile
	}
	require.NoError(t, err, "reading another process's memory needs the right to trace it")
	defer memory.Close() //nolint:errcheck // read only

	pages, err := os.Open(filepath.Join(folder, "pagemap"))
	if err != nil {
		return seen // ended meanwhile
	}
	defer pages.Close() //nolint:errcheck // read only

	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || !strings.HasPrefix(fields[1], "rw") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseInt(from, 16, 64)
		require.NoError(t, err)
		end, err := strconv.ParseInt(to, 16, 64)
		require.NoError(t, err)
		for _, part := range written(pages, start, end) {
			content := make([]byte, part.end-part.start)
			n, err := memory.ReadAt(content, part.start)
			if err != nil && n == 0 {
				continue // a region that went away, or that only a device backs
			}
			for pattern := range patterns {
				if !seen[pattern] && bytes.Contains(content[:n], []byte(pattern)) {
					seen[pattern] = true
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		require.ErrorIs(t, err, syscall.ESRCH, "the process ended while it was read")
	}
	return seen
}

// span is a range of addresses.
type span struct{ start, end int64 }

// written lists the parts of a mapping that have ever been written to, as far as
// /proc/PID/pagemap tells: nine tenths of what Chromium maps is empty.
func written(pagemap *os.File, start, end int64) []span {
	const present, swapped = 1 << 63, 1 << 62
	page := int64(os.Getpagesize())
	entries := make([]byte, (end-start)/page*8)
	n, _ := pagemap.ReadAt(entries, start/page*8) // short for a process that ended
	var spans []span
	for i := 0; i+8 <= n; i += 8 {
		if binary.NativeEndian.Uint64(entries[i:])&(present|swapped) == 0 {
			continue
		}
		at := start + int64(i/8)*page
		if last := len(spans) - 1; last >= 0 && spans[last].end == at {
			spans[last].end += page
		} else {
			spans = append(spans, span{at, at + page})
		}
	}
	return spans
}
