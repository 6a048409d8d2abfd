package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is where a run took place.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	OS       string `json:"os"`
	Chromium string `json:"chromium"`
	Go       string `json:"go"`
	// Load is how many programs wanted a core in the last minute, in the end.
	Load string `json:"load"`
}

func thisMachine(ctx context.Context, chromium string) machine {
	return machine{
		CPU: valueOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), OS: system(ctx),
		Chromium: chromium, Go: runtime.Version(), Load: load(),
	}
}

// system names the operating system as well as it can be known.
func system(ctx context.Context) string {
	name := strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME"), `"`)
	kernel, err := exec.CommandContext(ctx, "uname", "-sr").Output()
	if err != nil || name == "" {
		return runtime.GOOS + "/" + runtime.GOARCH
	}
	return name + ", " + strings.TrimSpace(string(kernel)) + ", " + runtime.GOARCH
}

// load returns the load average of the last minute, empty where there is none.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// valueOf returns the first value of a key in a file of lines like "key: value" or
// "key=value", empty where there is none.
func valueOf(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		at := strings.IndexAny(lines.Text(), ":=")
		if at >= 0 && strings.TrimSpace(lines.Text()[:at]) == key {
			return strings.TrimSpace(lines.Text()[at+1:])
		}
	}
	return ""
}
