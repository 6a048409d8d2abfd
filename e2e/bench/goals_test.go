package main

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measured is a row with one sample a column.
func measured(name string, higher bool, samples map[string]float64) *result {
	row := &result{name: name, higher: higher, cells: map[string]*cell{}}
	for column, sample := range samples {
		row.cells[column] = &cell{samples: []float64{sample}}
	}
	return row
}

// byName indexes goals.
func byName(goals []goal) map[string]goal {
	index := map[string]goal{}
	for _, goal := range goals {
		index[goal.Name] = goal
	}
	return index
}

func TestGoals(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rows  results
		goal  string
		value float64
		met   bool
	}{
		{
			"less is better",
			results{measured(rowJSON, false, map[string]float64{"floor": 10, "vault": 10.5})},
			"1 KB JSON: vault / floor", 1.05, true,
		},
		{
			"less is better, missed",
			results{measured(rowJSON, false, map[string]float64{"floor": 10, "vault": 12})},
			"1 KB JSON: vault / floor", 1.2, false,
		},
		{
			"more is better",
			results{measured(rowUpload, true, map[string]float64{"floor": 100, "vault": 200})},
			"50 MB upload: vault / floor", 0.5, true,
		},
		{
			"more is better, missed",
			results{measured(rowUpload, true, map[string]float64{"floor": 200, "vault": 100})},
			"50 MB upload: vault / floor", 2, false,
		},
		{
			"a page load may take longer",
			results{measured(rowLoad, false, map[string]float64{"floor": 100, "vault": 135})},
			"page load to first response: vault / floor", 1.35, true,
		},
		{
			"added over direct",
			results{measured(rowJSON, false, map[string]float64{"direct": 5, "ping": 15, "vault": 11})},
			"1 KB JSON: vault's added / Ping's added", 0.6, true,
		},
		{
			"busy against idle",
			results{measured(rowIdle, false, map[string]float64{"vault": 10}), measured(rowBusy, false, map[string]float64{"vault": 16})},
			"1 KB JSON: vault's p95, page busy / idle", 1.6, false,
		},
		{
			"milliseconds, not a ratio",
			results{measured(rowFirstByte, false, map[string]float64{"direct": 5, "vault": 16})},
			"first byte: vault's added, ms", 11, true,
		},
		{
			"the exact limit is met",
			results{measured(rowParallel, true, map[string]float64{"ping": 100, "vault": 115})},
			"200 concurrent: vault / Ping", 1.15, true,
		},
		{
			"memory that shrinks too much is no better than one that grows",
			results{measured(rowMemory, false, map[string]float64{"vault": 0.8})},
			"memory: growth of vault, 1 000 to 10 000", 0.2, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			goal, judged := byName(judge(tc.rows))[tc.goal]
			require.True(t, judged)
			assert.InDelta(t, tc.value, goal.Value, 1e-9)
			assert.Equal(t, tc.met, goal.Met)
		})
	}
}

func TestAGoalThatCannotBeJudgedIsNotMet(t *testing.T) {
	row := measured(rowStopped, false, map[string]float64{"vault": 1, "floor": 1})
	row.cells["ping"] = &cell{samples: []float64{1}, failed: true}
	for _, rows := range []results{{row}, {measured(rowStopped, false, map[string]float64{"vault": 1})}} {
		goal := byName(judge(rows))["worker stopped: vault / Ping"]
		assert.False(t, goal.Met)
		assert.True(t, math.IsNaN(goal.Value))
		text, err := json.Marshal(goal)
		require.NoError(t, err, "JSON has no NaN")
		assert.Contains(t, string(text), `"value":null`)
	}
}

func TestRowsThatWereNotMeasuredHaveNoGoals(t *testing.T) {
	assert.Empty(t, judge(nil))
	for _, goal := range judge(results{measured(rowText, true, map[string]float64{"vault": 1})}) {
		assert.Contains(t, goal.Name, "50 MB text")
	}
}
