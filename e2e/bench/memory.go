package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
)

// The requests of the memory row.
const (
	memoryFirst  = 1_000
	memoryAll    = 10_000
	memoryAtOnce = 40
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
		growth, err := r.growth(c)
		if err != nil {
			into.failed, into.note = true, firstLine(err)
			continue
		}
		into.samples = []float64{growth}
	}
	return row
}

// growth is the memory after all requests, divided by that after the first.
func (r *run) growth(c *column) (float64, error) {
	places := []*tab{c.tab}
	for kind, prefix := range map[string]string{"service_worker": c.app, "iframe": c.frame} {
		if prefix == "" {
			continue
		}
		infos, err := targetsOf(r.browser, kind, prefix)
		if err != nil {
			return 0, err
		}
		for _, info := range infos {
			place, err := attach(r.browser, info.TargetID)
			if err != nil {
				return 0, err
			}
			places = append(places, place)
		}
	}
	var used [2]float64
	for i, count := range []int{memoryFirst, memoryAll - memoryFirst} {
		// In parts: none takes longer than a step may.
		for range 10 {
			if _, err := eval[any](c.tab, fmt.Sprintf(`await bench.many(%d, %d)`, count/10, memoryAtOnce)); err != nil {
				return 0, err
			}
		}
		for _, place := range places {
			bytes, err := place.memory()
			if err != nil {
				return 0, err
			}
			used[i] += bytes
		}
	}
	return ratio(used[1], used[0]), nil
}

// memory returns the bytes of a target's JavaScript heap and of its WebAssembly
// memories, after a garbage collection.
func (t *tab) memory() (float64, error) {
	if _, err := call(t, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		return 0, err
	}
	heap, err := call(t, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		return 0, err
	}
	wasm, err := t.wasmMemory()
	return heap.UsedSize + heap.EmbedderHeapUsedSize + wasm, err
}

// wasmMemory asks the debugger for all memories: the programs keep them private.
func (t *tab) wasmMemory() (float64, error) {
	prototype, err := call(t, runtime.Evaluate, runtime.EvaluateParams{Expression: `WebAssembly.Memory.prototype`})
	if err != nil || prototype.Result == nil {
		return 0, err
	}
	memories, err := call(t, runtime.QueryObjects, runtime.QueryObjectsParams{PrototypeObjectID: prototype.Result.ObjectID})
	if err != nil {
		return 0, err
	}
	byValue := true
	sum, err := call(t, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		ObjectID: memories.Objects.ObjectID, ReturnByValue: &byValue,
		FunctionDeclaration: `function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) }`,
	})
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(sum.Result.Value), 64)
}
