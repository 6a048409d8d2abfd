package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// figures are a row's numbers by column, null where there is none.
type figures struct {
	Direct *float64 `json:"direct"`
	Worker *float64 `json:"worker"`
	Ping   *float64 `json:"ping"`
	AXA    *float64 `json:"axa"`
	Floor  *float64 `json:"floor"`
	Vault  *float64 `json:"vault"`
}

// reportRow is a row of bench.json: medians beside the name, and the rest below.
type reportRow struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	figures
	P95   figures           `json:"p95"`
	Notes map[string]string `json:"notes,omitempty"`
}

// report is bench.json.
type report struct {
	Machine machine     `json:"machine"`
	Rounds  int         `json:"rounds"`
	Rows    []reportRow `json:"rows"`
	Goals   []goal      `json:"goals"`
	// Preflights are how many a request costs, by column.
	Preflights map[string]float64 `json:"preflights"`

	results results
}

func newReport(r *run, m machine, rounds int) *report {
	out := &report{Machine: m, Rounds: rounds, Goals: judge(r.results), Preflights: map[string]float64{}, results: r.results}
	for name, each := range r.preflights {
		if !math.IsNaN(each) {
			out.Preflights[name] = math.Round(each*1000) / 1000
		}
	}
	for _, row := range r.results {
		notes := map[string]string{}
		for name, c := range row.cells {
			if c.note != "" {
				notes[name] = c.note
			}
		}
		out.Rows = append(out.Rows, reportRow{
			Name: row.name, Unit: row.unit, Notes: notes,
			figures: figuresOf(row, (*cell).median), P95: figuresOf(row, (*cell).p95),
		})
	}
	return out
}

func figuresOf(r *result, of func(*cell) float64) figures {
	get := func(name string) *float64 {
		value := of(r.cells[name])
		if math.IsNaN(value) {
			return nil
		}
		value = math.Round(value*100) / 100
		return &value
	}
	return figures{get("direct"), get("worker"), get("ping"), get("axa"), get("floor"), get("vault")}
}

// MarshalJSON writes null for a value that could not be computed.
func (g goal) MarshalJSON() ([]byte, error) {
	type plain goal
	if !math.IsNaN(g.Value) && !math.IsInf(g.Value, 0) {
		g.Value = math.Round(g.Value*1000) / 1000
		return json.Marshal(plain(g))
	}
	return json.Marshal(struct {
		plain
		Value *float64 `json:"value"`
	}{plain: plain(g)})
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// print writes the tables for people.
func (r *report) print(to io.Writer) {
	fmt.Fprintf(to, "%s, %d cores, %s; %s, %s; load %s\n\n",
		r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Chromium, r.Machine.Go, r.Machine.Load)
	r.printRows(to)
	r.printGoals(to)
}

func (r *report) printRows(to io.Writer) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "median (p95)\tunit\t%s\tvault/floor\tvault/direct\tadded: vault/ping\n", strings.Join(columnNames, "\t"))
	var notes footnotes
	for _, row := range r.results {
		fmt.Fprintf(table, "%s\t%s", row.name, row.unit)
		for _, name := range columnNames {
			c := row.cells[name]
			fmt.Fprintf(table, "\t%s%s", show(c.median(), c.p95()), notes.mark(c))
		}
		fmt.Fprintf(table, "\t%s\t%s\t%s\n", plain(row.over("vault", "floor")), plain(row.over("vault", "direct")), plain(row.added("vault", "ping")))
	}
	table.Flush() //nolint:errcheck // as the other writes
	for i, note := range notes {
		fmt.Fprintf(to, "[%d] %s\n", i+1, note)
	}
	fmt.Fprint(to, "preflights a request:")
	for _, name := range columnNames {
		if each, measured := r.Preflights[name]; measured {
			fmt.Fprintf(to, " %s %.2f", name, each)
		}
	}
	fmt.Fprintln(to)
}

// footnotes are the notes below the table, each once.
type footnotes []string

// mark is what refers to a cell's note, empty without one.
func (f *footnotes) mark(c *cell) string {
	if c == nil || c.note == "" {
		return ""
	}
	at := slices.Index(*f, c.note)
	if at < 0 {
		at = len(*f)
		*f = append(*f, c.note)
	}
	return fmt.Sprintf(" [%d]", at+1)
}

func (r *report) printGoals(to io.Writer) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\ngoal\tvalue\tlimit\t\n")
	for _, goal := range r.Goals {
		sign, verdict := "<=", "FAIL"
		if goal.AtLeast {
			sign = ">="
		}
		if goal.Met {
			verdict = "pass"
		}
		fmt.Fprintf(table, "%s\t%s\t%s %g\t%s\n", goal.Name, plain(goal.Value), sign, goal.Limit, verdict)
	}
	table.Flush() //nolint:errcheck // as the other writes
}

// show writes a median with its p95.
func show(median, p95 float64) string {
	if math.IsNaN(median) {
		return "–"
	}
	return fmt.Sprintf("%s (%s)", plain(median), plain(p95))
}

// plain writes a number as short as it says something.
func plain(value float64) string {
	switch {
	case math.IsNaN(value):
		return "–"
	case math.Abs(value) >= 100:
		return fmt.Sprintf("%.0f", value)
	case math.Abs(value) >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}
