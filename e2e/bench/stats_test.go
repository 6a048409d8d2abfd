package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		name    string
		samples []float64
		want    float64
	}{
		{"one", []float64{3}, 3},
		{"odd, unsorted", []float64{9, 1, 5}, 5},
		{"even: the mean of the middles", []float64{4, 1, 2, 9}, 3},
		{"equal", []float64{2, 2, 2}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) { assert.InDelta(t, tc.want, median(tc.samples), 0) })
	}
	assert.True(t, math.IsNaN(median(nil)))
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tc := range []struct {
		name    string
		samples []float64
		percent float64
		want    float64
	}{
		{"95 of 100", hundred, 95, 95},
		{"of few, the largest", []float64{1, 7, 3}, 95, 7},
		{"of one, itself", []float64{4}, 95, 4},
		{"all", hundred, 100, 100},
		{"none", hundred, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) { assert.InDelta(t, tc.want, percentile(tc.samples, tc.percent), 0) })
	}
	assert.True(t, math.IsNaN(percentile(nil, 95)))
}

func TestStatisticsLeaveTheSamplesAlone(t *testing.T) {
	samples := []float64{3, 1, 2}
	median(samples)
	percentile(samples, 95)
	assert.Equal(t, []float64{3, 1, 2}, samples)
}

func TestRatio(t *testing.T) {
	assert.InDelta(t, 2.5, ratio(5, 2), 0)
	assert.InDelta(t, -0.5, ratio(-1, 2), 0)
	for _, nothing := range [][2]float64{{1, 0}, {1, -2}, {math.NaN(), 1}, {1, math.NaN()}} {
		assert.True(t, math.IsNaN(ratio(nothing[0], nothing[1])), "%v", nothing)
	}
}
