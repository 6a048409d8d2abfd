package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
)

// How much a round takes of each row.
const (
	latencySamples  = 40
	workerSamples   = 30
	parallel        = 200
	quickRepeats    = 3
	shortIdle       = 10 * time.Millisecond
	stoppedDeadline = 10 * time.Second
)

// row is one thing that is measured.
type row struct {
	name, unit string
	higher     bool
	// sample takes one round's samples of a column.
	sample func(r *run, c *column) ([]float64, error)
}

// errPartial says that there is a figure, but not for what was asked.
type errPartial struct{ note string }

func (e errPartial) Error() string { return e.note }

// rows are the rows that are sampled in turn. Memory comes after them.
var rows = []row{
	{rowJSON, "ms", false, script1(`return bench.latency(%d)`, latencySamples)},
	{rowIdle, "ms", false, script1(`return bench.fromWorker(%d, false)`, workerSamples)},
	{rowBusy, "ms", false, script1(`return bench.fromWorker(%d, true)`, workerSamples)},
	{rowParallel, "req/s", true, script1(`return [await bench.concurrent(%d)]`, parallel)},
	{rowBinary, "MB/s", true, transfer(`return bench.download("/v1/binary")`)},
	{rowText, "MB/s", true, transfer(`return bench.download("/v1/text")`)},
	{rowFirstByte, "ms", false, repeat(quickRepeats, script1(`return [await bench.firstByte()]`))},
	{rowUpload, "MB/s", true, transfer(`return bench.upload()`)},
	{rowLoad, "ms", false, repeat(quickRepeats, func(_ *run, c *column) ([]float64, error) {
		time, err := c.reload()
		return []float64{time}, err
	})},
	{rowStopped, "ms", false, repeat(quickRepeats, afterStop)},
	{rowOpen, "ms", false, script1(`return bench.latency(%d, "/public/json")`, latencySamples)},
}

// script1 samples by a script of the page.
func script1(body string, args ...any) func(*run, *column) ([]float64, error) {
	body = fmt.Sprintf(body, args...)
	return func(_ *run, c *column) ([]float64, error) { return eval[[]float64](c.tab, body) }
}

// repeat takes several samples in a round.
func repeat(times int, sample func(*run, *column) ([]float64, error)) func(*run, *column) ([]float64, error) {
	return func(r *run, c *column) ([]float64, error) {
		var all []float64
		for range times {
			samples, err := sample(r, c)
			if err != nil {
				return nil, err
			}
			all = append(all, samples...)
		}
		return all, nil
	}
}

// transfer samples the speed of a large body, and sees that it was whole.
func transfer(body string) func(*run, *column) ([]float64, error) {
	return func(_ *run, c *column) ([]float64, error) {
		got, err := eval[struct {
			Speed  float64
			Length int
		}](c.tab, body)
		if err == nil && got.Length != bigSize {
			err = errPartial{fmt.Sprintf("the body is not intact: %d bytes in place of %d", got.Length, bigSize)}
		}
		return []float64{got.Speed}, err
	}
}

// afterStop samples the first request after the browser has ended all workers.
func afterStop(r *run, c *column) ([]float64, error) {
	if _, err := call(c.tab, serviceworker.Enable, cdp.Empty{}); err != nil {
		return nil, err
	}
	if _, err := call(c.tab, serviceworker.StopAllWorkers, cdp.Empty{}); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(stoppedDeadline); ; time.Sleep(shortIdle) {
		running, err := targetsOf(r.browser, "service_worker", c.app)
		if err != nil {
			return nil, err
		}
		if len(running) == 0 {
			break
		}
		if time.Now().After(deadline) {
			return nil, errors.New("the worker does not stop")
		}
	}
	samples, err := eval[[]float64](c.tab, `return bench.latency(1)`)
	if err != nil {
		return nil, err
	}
	return samples, c.check()
}
