package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cpu returns jiffies (10ms) used by descendants of this process.
func cpu() float64 {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	parent := map[int]int{}
	used := map[int]float64{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil { continue }
		s := string(b)
		pid, _ := strconv.Atoi(s[:strings.IndexByte(s, ' ')])
		rest := strings.Fields(s[strings.LastIndexByte(s, ')')+2:])
		parent[pid], _ = strconv.Atoi(rest[1])
		u, _ := strconv.ParseFloat(rest[11], 64)
		k, _ := strconv.ParseFloat(rest[12], 64)
		used[pid] = u + k
	}
	me := os.Getpid()
	total := 0.0
	for pid := range parent {
		for p := parent[pid]; p > 1; p = parent[p] {
			if p == me { total += used[pid]; break }
		}
	}
	return total * 10
}
