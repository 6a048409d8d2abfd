package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"tokenvault/internal/chromium"
	"tokenvault/internal/wasmbuild"
)

// run is one run of the benchmark.
type run struct {
	browser context.Context
	stage   *stage
	columns []*column
	results results
	product string // of the browser, with its version
	// preflights are how many a protected request costs, by column. On loopback
	// they are cheap; elsewhere each is a round trip.
	preflights map[string]float64
}

// measure does everything: it raises the servers, starts the browser, opens and
// signs in each column, and samples them in turn.
func measure(ctx context.Context, o options) (_ *run, err error) {
	root, err := wasmbuild.FindSource(".")
	if err != nil {
		return nil, err
	}
	s, err := raise(ctx, root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	profile, err := os.MkdirTemp("", "tokenvault-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(profile)) }()
	browser, stop, err := chromium.Start(context.Background(), profile)
	if err != nil {
		return nil, err
	}
	defer stop()

	version, err := chromedp.Call(browser, cdpbrowser.GetVersion, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	r := &run{browser: browser, stage: s, product: version.Product}
	for _, name := range columnNames {
		if o.wantsColumn(name) {
			r.columns = append(r.columns, s.columns[name])
		}
	}
	for _, c := range r.columns {
		if err := r.prepare(c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	r.sampleAll(o)
	r.preflights = map[string]float64{}
	for _, c := range r.columns {
		origin := c.app
		if c.frame != "" {
			origin = c.frame
		}
		seen := s.api.trafficOf(origin)
		r.preflights[c.name] = ratio(float64(seen.preflights.Load()), float64(seen.requests.Load()))
	}
	return r, nil
}

// prepare opens a column, signs it in and warms it up.
func (r *run) prepare(c *column) error {
	tab, err := openTab(r.browser)
	if err != nil {
		return err
	}
	if err := c.open(tab); err != nil {
		return err
	}
	if c.signsIn {
		if err := c.signIn(r.stage.demo.Account); err != nil {
			return fmt.Errorf("sign-in: %w", err)
		}
	}
	if err := c.check(); err != nil {
		return err
	}
	_, err = eval[any](c.tab, `await bench.latency(20)`)
	return err
}

// sampleAll takes all rounds. A row is over for all columns before the next one
// begins, so that its samples are close together.
func (r *run) sampleAll(o options) {
	wanted := slices.DeleteFunc(slices.Clone(rows), func(row row) bool { return !o.wantsRow(row.name) })
	for _, row := range wanted {
		cells := map[string]*cell{}
		for _, c := range r.columns {
			cells[c.name] = &cell{}
		}
		r.results = append(r.results, &result{name: row.name, unit: row.unit, higher: row.higher, cells: cells})
	}
	for round := range o.rounds {
		for i, row := range wanted {
			for _, c := range r.columns {
				r.sample(row, c, r.results[i].cells[c.name])
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
	}
	if o.wantsRow(rowMemory) {
		r.results = append(r.results, r.memoryRow(o))
	}
}

// sample takes one round of a row in a column. A column that cannot do a row is
// not asked again, and gets its page anew: a request may hang in it.
func (r *run) sample(row row, c *column, into *cell) {
	if into.failed {
		return
	}
	samples, err := row.sample(r, c)
	if partial := (errPartial{}); errors.As(err, &partial) {
		into.note, err = partial.note, nil
	}
	if err == nil {
		into.samples = append(into.samples, samples...)
		return
	}
	into.failed, into.note = true, firstLine(err)
	fmt.Fprintf(os.Stderr, "%s, %s: %s\n", row.name, c.name, into.note)
	if err := r.restore(c); err != nil {
		fmt.Fprintf(os.Stderr, "%s is not usable any more: %v\n", c.name, err)
	}
}

// restore brings a column back to where prepare left it.
func (r *run) restore(c *column) error {
	if _, err := c.reload(); err != nil {
		return err
	}
	if c.check() == nil || !c.signsIn {
		return nil
	}
	if err := c.signIn(r.stage.demo.Account); err != nil {
		return err
	}
	return c.check()
}

// uncaught matches what the browser puts around an error of the page.
var uncaught = regexp.MustCompile(`^exception "Uncaught \(in promise\) (?:Error: )?(.*?)" \(\d+:\d+\)`)

// firstLine is the part of an error that is worth a note.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if inner := uncaught.FindStringSubmatch(line); inner != nil {
		return inner[1]
	}
	return line
}
