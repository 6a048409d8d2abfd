package main

import (
	"flag"
	"slices"
	"strings"
)

// options say what to measure.
type options struct {
	rounds  int
	columns []string // empty: all
	rows    []string // parts of names; empty: all
	memory  []string // columns of the memory row
	out     string
}

// parseOptions reads the command line.
func parseOptions(args []string) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := options{}
	flags.IntVar(&o.rounds, "rounds", 4, "how often each row is sampled in each column")
	flags.StringVar(&o.out, "out", "bench.json", "file for the results")
	only := flags.String("only", "", "columns and parts of rows' names, with commas: vault,floor,upload")
	memory := flags.String("memory", "vault", "columns of the memory row, with commas, or all")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, part := range split(*only) {
		if slices.Contains(columnNames, part) {
			o.columns = append(o.columns, part)
		} else {
			o.rows = append(o.rows, part)
		}
	}
	o.memory = split(*memory)
	if *memory == "all" {
		o.memory = columnNames
	}
	return o, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' })
}

func (o options) wantsColumn(name string) bool {
	return len(o.columns) == 0 || slices.Contains(o.columns, name)
}

func (o options) wantsRow(name string) bool {
	return len(o.rows) == 0 || slices.ContainsFunc(o.rows, func(part string) bool { return strings.Contains(name, part) })
}
