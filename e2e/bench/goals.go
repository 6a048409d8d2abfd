package main

import "math"

// Names of the rows.
const (
	rowJSON      = "1 KB JSON"
	rowIdle      = "1 KB JSON, from a worker, page idle"
	rowBusy      = "1 KB JSON, from a worker, page busy"
	rowParallel  = "200 concurrent"
	rowBinary    = "50 MB binary download"
	rowText      = "50 MB text download"
	rowFirstByte = "first byte of a stream"
	rowUpload    = "50 MB upload"
	rowLoad      = "page load to first response"
	rowStopped   = "worker stopped to first response"
	rowOpen      = "unprotected request"
	rowMemory    = "memory, 10 000 to 1 000 requests"
)

// goal is a limit for a figure that follows from the rows.
type goal struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	// AtLeast: the value has to reach the limit. Otherwise it may not exceed it.
	AtLeast bool `json:"atLeast"`
	Met     bool `json:"met"`
}

// atMost and atLeast judge. What was not measured is not met.
func atMost(name string, value, limit float64) goal {
	return goal{Name: name, Value: value, Limit: limit, Met: value <= limit}
}

func atLeast(name string, value, limit float64) goal {
	return goal{Name: name, Value: value, Limit: limit, AtLeast: true, Met: value >= limit}
}

// judge compares the results with the goals of the project. Goals whose rows were
// not measured at all are left out.
func judge(r results) []goal {
	var goals []goal
	for _, row := range r {
		limit := 1.1
		switch row.name {
		case rowMemory, rowIdle:
			continue
		case rowLoad, rowStopped:
			limit = 1.4
		}
		goals = append(goals, atMost(row.name+": vault / floor", row.slowdown("vault", "floor"), limit))
	}
	over := func(row, a, b string) float64 { return ratio(r.median(row, a), r.median(row, b)) }
	added := func(row, column string) float64 { return r.median(row, column) - r.median(row, "direct") }
	all := []struct {
		row  string
		goal goal
	}{
		{rowJSON, atMost("1 KB JSON: vault's added / Ping's added", ratio(added(rowJSON, "vault"), added(rowJSON, "ping")), 0.7)},
		{rowBusy, atMost("1 KB JSON: vault's p95, page busy / idle", ratio(r.p95(rowBusy, "vault"), r.p95(rowIdle, "vault")), 1.5)},
		{rowParallel, atLeast("200 concurrent: vault / Ping", over(rowParallel, "vault", "ping"), 1.15)},
		{rowBinary, atLeast("50 MB binary: vault / direct", over(rowBinary, "vault", "direct"), 0.35)},
		{rowBinary, atLeast("50 MB binary: vault / Ping", over(rowBinary, "vault", "ping"), 2.5)},
		{rowText, atLeast("50 MB text: vault / direct", over(rowText, "vault", "direct"), 0.27)},
		{rowFirstByte, atMost("first byte: vault's added, ms", added(rowFirstByte, "vault"), 12)},
		{rowUpload, atLeast("50 MB upload: vault / direct", over(rowUpload, "vault", "direct"), 0.6)},
		{rowLoad, atMost("page load: vault / Ping", over(rowLoad, "vault", "ping"), 1.4)},
		{rowStopped, atMost("worker stopped: vault / Ping", over(rowStopped, "vault", "ping"), 1.25)},
		{rowOpen, atMost("unprotected: vault / do-nothing worker", over(rowOpen, "vault", "worker"), 1.05)},
		{rowMemory, atMost("memory: growth of vault, 1 000 to 10 000", math.Abs(r.median(rowMemory, "vault")-1), 0.1)},
	}
	for _, candidate := range all {
		if r.find(candidate.row).cells != nil {
			goals = append(goals, candidate.goal)
		}
	}
	return goals
}
