package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"

	"tokenvault/internal/chromium"
)

// The requests of the memory row.
const (
	memoryFirst  = 1_000
	memoryAll    = 10_000
	memoryAtOnce = 40

	// What a collection frees of the browser's objects frees JavaScript's at the
	// next one, and some wait for a task in between.
	memoryIdle      = 2 * time.Second
	collections     = 3
	collectionPause = 300 * time.Millisecond
)

// memoryRow compares what each column uses after few and after many requests. It
// comes last and not in turn: a debugger stays attached to the workers.
func (r *run) memoryRow(o options) *result {
	row := &result{name: rowMemory, unit: "x", cells: map[string]*cell{}}
	for _, c := range r.columns {
		into := &cell{}
		row.cells[c.name] = into
		if !slices.Contains(o.memory, c.name) {
			into.failed, into.note = true, "not measured by default: ten thousand requests take a minute (-memory names more columns)"
			continue
		}
		growth, note, err := r.growth(c)
		if err != nil {
			into.failed, into.note = true, firstLine(err)
			continue
		}
		into.samples, into.note = []float64{growth}, note
	}
	return row
}

// place is where a column has memory.
type place struct {
	name string
	*tab
}

// places lists the page, and the worker and the frame that a column has.
func (r *run) places(c *column) ([]place, error) {
	all := []place{{"page", c.tab}}
	for _, target := range []struct{ name, kind, prefix string }{
		{"worker", "service_worker", c.app},
		{"frame", "iframe", c.frame},
	} {
		if target.prefix == "" {
			continue
		}
		infos, err := targetsOf(r.browser, target.kind, target.prefix)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			at, err := attach(r.browser, info.TargetID)
			if err != nil {
				return nil, err
			}
			all = append(all, place{target.name, at})
		}
	}
	return all, nil
}

// growth is the memory after all requests, divided by that after the first. The
// note says where how much is.
func (r *run) growth(c *column) (_ float64, note string, _ error) {
	if err := c.check(); err != nil { // starts a worker that has ended
		return 0, "", err
	}
	places, err := r.places(c)
	if err != nil {
		return 0, "", err
	}
	var used [2]float64
	for i, count := range []int{memoryFirst, memoryAll - memoryFirst} {
		// In parts: none takes longer than a step may.
		for range 10 {
			if _, err := eval[any](c.tab, fmt.Sprintf(`await bench.many(%d, %d)`, count/10, memoryAtOnce)); err != nil {
				return 0, "", err
			}
		}
		time.Sleep(memoryIdle)
		note += fmt.Sprintf("%safter %d requests, MB:", [...]string{"", "; "}[i], [...]int{memoryFirst, memoryAll}[i])
		for _, place := range places {
			heap, wasm, err := place.memory()
			if err != nil {
				return 0, "", err
			}
			used[i] += heap + wasm
			note += fmt.Sprintf(" %s %.2f", place.name, heap/(1<<20))
			if wasm > 0 {
				note += fmt.Sprintf(" and WebAssembly %.2f", wasm/(1<<20))
			}
		}
	}
	return ratio(used[1], used[0]), note, nil
}

// memory returns the bytes of a target's JavaScript heap and of its WebAssembly
// memories, after garbage collections. The browser's own objects are left out: in
// the frame they grow by some 300 bytes a request, with us and in the floor alike.
func (t *tab) memory() (heap, wasm float64, _ error) {
	for range collections {
		if _, err := call(t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return 0, 0, err
		}
		time.Sleep(collectionPause)
	}
	usage, err := call(t, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		return 0, 0, err
	}
	wasm, err = t.wasmMemory()
	return usage.UsedSize, wasm, err
}

// wasmMemory returns the bytes of all WebAssembly memories.
func (t *tab) wasmMemory() (sum float64, err error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	sizes, err := chromium.WebAssemblyMemories(ctx)
	for _, size := range sizes {
		sum += size
	}
	return sum, err
}
