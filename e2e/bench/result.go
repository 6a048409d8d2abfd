package main

import "math"

// columnNames are the columns, in the order in which they are sampled.
var columnNames = []string{"direct", "worker", "ping", "axa", "floor", "vault"}

// cell is what a column gave for a row.
type cell struct {
	samples []float64
	note    string // why there is nothing, or what is wrong with what there is
	failed  bool   // the column cannot do the row
}

func (c *cell) median() float64 {
	if c == nil || c.failed {
		return math.NaN()
	}
	return median(c.samples)
}

func (c *cell) p95() float64 {
	if c == nil || c.failed {
		return math.NaN()
	}
	return percentile(c.samples, 95)
}

// result is a row with its cells.
type result struct {
	name, unit string
	higher     bool // more is better
	cells      map[string]*cell
}

// results are all rows that were measured, in order.
type results []*result

// find returns the row of a name. A row that was not measured has no cells.
func (r results) find(name string) *result {
	for _, row := range r {
		if row.name == name {
			return row
		}
	}
	return &result{name: name}
}

// median is a shorthand: NaN where there is none.
func (r results) median(row, column string) float64 { return r.find(row).cells[column].median() }

// p95 is a shorthand: NaN where there is none.
func (r results) p95(row, column string) float64 { return r.find(row).cells[column].p95() }

// slowdown says how many times worse a column is than another; below 1 it is
// better.
func (r *result) slowdown(column, than string) float64 {
	a, b := r.cells[column].median(), r.cells[than].median()
	if r.higher {
		a, b = b, a
	}
	return ratio(a, b)
}

// over is a plain quotient of two columns' medians.
func (r *result) over(a, b string) float64 {
	return ratio(r.cells[a].median(), r.cells[b].median())
}

// added compares what two columns take on top of a direct request. It means
// nothing for speeds.
func (r *result) added(a, b string) float64 {
	if r.higher {
		return math.NaN()
	}
	direct := r.cells["direct"].median()
	return ratio(r.cells[a].median()-direct, r.cells[b].median()-direct)
}
