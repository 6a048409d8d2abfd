package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sort"
"path/filepath"
"github.com/chromedp/cdproto/target"
"github.com/chromedp/cdproto/network"
"github.com/chromedp/chromedp"
"github.com/chromedp/cdproto/runtime"
"github.com/chromedp/cdproto/cdp"
	"strings"
	"net/url"
)

func serveOn(h http.Handler, host string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	go http.Serve(l, h)
	return fmt.Sprintf("http://%s:%d", host, l.Addr().(*net.TCPAddr).Port)
}

func appLab() http.Handler {
	fsrv := http.FileServer(http.Dir("/tmp/floorlab/pages"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/page.html":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><script src="/setup-`+r.URL.Query().Get("col")+`.js"></script><script type=module src="/measure.js"></script>`)
		case r.URL.Path == "/noop.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `addEventListener('install',()=>skipWaiting());addEventListener('activate',e=>e.waitUntil(clients.claim()));addEventListener('fetch',()=>{});`)
		case r.URL.Path == "/pass.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `addEventListener('install',()=>skipWaiting());addEventListener('activate',e=>e.waitUntil(clients.claim()));addEventListener('fetch',(e)=>{if(e.request.url.includes('/v1/'))e.respondWith(fetch(e.request))});`)
		case r.URL.Path == "/setup-direct.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `window.ready=Promise.resolve()`)
		case r.URL.Path == "/setup-noop.js", r.URL.Path == "/setup-pass.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `window.ready=(async()=>{await navigator.serviceWorker.register('`+strings.TrimPrefix(r.URL.Path, "/setup-")+`');await navigator.serviceWorker.ready;if(!navigator.serviceWorker.controller)await new Promise(r=>navigator.serviceWorker.addEventListener('controllerchange',r,{once:true}))})()`)
		default:
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/bench")
			fsrv.ServeHTTP(w, r)
		}
	})
}

func vaultLab() http.Handler {
	fsrv := http.FileServer(http.Dir("/tmp/floorlab/pages"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Origin-Agent-Cluster", "?1")
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-site")
		w.Header().Set("Cache-Control", "no-store")
		if r.URL.Path == "/frame.html" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><script src="/floor-frame.js?`+strings.ReplaceAll(r.URL.RawQuery, `"`, "")+`"></script>`)
			return
		}
		fsrv.ServeHTTP(w, r)
	})
}

type labCol struct{ name, origin string; tab *tab; lat, conc, bin, txt, fb, up []float64; cpu map[string][]float64 }

func med(v []float64) float64 { if len(v)==0 {return 0}; s := append([]float64(nil), v...); sort.Float64s(s); return s[len(s)/2] }

func labMain() {
	// args: rounds rows variants...
	a := newAPI()
	apiURL := serveOn(a.handler(), "api.example.localhost")
	profile, _ := os.MkdirTemp("", "bench-")
	defer os.RemoveAll(profile)
	b, stop, err := startBrowser(profile)
	if err != nil { panic(err) }
	defer stop()
	var rounds int
	fmt.Sscan(os.Args[2], &rounds)
	rows := os.Args[3]
	var cols []*labCol
	for i, v := range os.Args[4:] {
		kind, params, _ := strings.Cut(v, ":")
		c := &labCol{cpu: map[string][]float64{}, name: v, origin: serveOn(appLab(), fmt.Sprintf("app%d.example.localhost", i))}
		vault := ""
		if kind == "floor" { vault = serveOn(vaultLab(), fmt.Sprintf("vault%d.example.localhost", i)) }
		c.tab, err = openTab(b)
		if err != nil { panic(err) }
		// floor frame script reads location.search of frame
		if err := c.tab.visit(c.origin + "/page.html?col=" + kind + "&api=" + url.QueryEscape(apiURL) + "&vault=" + url.QueryEscape(vault) + "&params=" + url.QueryEscape(params)); err != nil { panic(err) }
		if _, err := call(c.tab, network.Disable, cdp.Empty{}); err != nil { panic(err) }
		if _, err := call(c.tab, target.SetAutoAttach, target.SetAutoAttachParams{AutoAttach: false}); err != nil { panic(err) }
		if _, err := eval[any](c.tab, `await window.ready; await bench.latency(20)`); err != nil { fmt.Println(v, err); continue }
		cols = append(cols, c)
	}
	type dl struct{ Speed float64; Length int }
	if strings.Contains(rows, "L") {
		infos, _ := targetsOf(b, "iframe", "")
		for _, info := range infos {
			f, err := attach(b, info.TargetID)
			if err != nil { fmt.Println(err); continue }
			u, _ := url.Parse(info.URL)
			chromedp.Listen(f.ctx, func(ev any) { if e, ok := ev.(*runtime.EventConsoleAPICalled); ok { line := u.RawQuery; for _, a := range e.Args { line += " " + string(a.Value) + a.Description }; fmt.Println(line) } })
			call(f, runtime.Enable, cdp.Empty{})
		}
	}
	for range rounds {
		for _, c := range cols {
			fail := func(err error) { if err != nil { fmt.Println(c.name, err) } }
			if strings.Contains(rows, "l") { t0 := cpu(); defer func() {}(); v, err := eval[[]float64](c.tab, `return bench.latency(40)`); fail(err); c.lat = append(c.lat, v...); c.cpu["l"] = append(c.cpu["l"], (cpu()-t0)/40) }
			if strings.Contains(rows, "p") { v, err := eval[[]float64](c.tab, `return bench.latency(40, "/public/json")`); fail(err); c.lat = append(c.lat, v...) }
			if strings.Contains(rows, "c") { t0 := cpu(); defer func() {}(); v, err := eval[float64](c.tab, `return bench.concurrent(200)`); fail(err); c.conc = append(c.conc, v); c.cpu["c"] = append(c.cpu["c"], (cpu()-t0)/200) }
			if strings.Contains(rows, "b") { t0 := cpu(); defer func() {}(); v, err := eval[dl](c.tab, `return bench.download('/v1/binary')`); fail(err); if v.Length != bigSize {_ = 0}; c.bin = append(c.bin, v.Speed); c.cpu["b"] = append(c.cpu["b"], (cpu()-t0)/1) }
			if strings.Contains(rows, "t") { t0 := cpu(); defer func() {}(); v, err := eval[dl](c.tab, `return bench.download('/v1/text')`); fail(err); c.txt = append(c.txt, v.Speed); c.cpu["t"] = append(c.cpu["t"], (cpu()-t0)/1) }
			if strings.Contains(rows, "f") { v, err := eval[float64](c.tab, `return bench.firstByte()`); fail(err); c.fb = append(c.fb, v) }
			if strings.Contains(rows, "u") { t0 := cpu(); defer func() {}(); v, err := eval[dl](c.tab, `return bench.upload(50<<20, "`+os.Getenv("BODY")+`")`); fail(err); if v.Length != bigSize {_ = 0}; c.up = append(c.up, v.Speed); c.cpu["u"] = append(c.cpu["u"], (cpu()-t0)/1) }
		}
	}
	_ = context.Background
	if os.Getenv("NICE") != "" { nices() }
	for _, c := range cols {
		s := append([]float64(nil), c.lat...); sort.Float64s(s)
		p95 := 0.0
		if len(s) > 0 { p95 = s[len(s)*95/100] }
		host, _, _ := strings.Cut(c.origin, "~")
		fmt.Printf("CPU ms: lat %5.2f conc %5.2f bin %4.0f txt %4.0f up %4.0f   ", med(c.cpu["l"]), med(c.cpu["c"]), med(c.cpu["b"]), med(c.cpu["t"]), med(c.cpu["u"]))
		fmt.Printf("%-46s lat %6.2f p95 %6.2f | conc %6.0f | bin %6.0f txt %6.0f | fb %6.1f | up %6.0f  %s\n", c.name, med(c.lat), p95, med(c.conc), med(c.bin), med(c.txt), med(c.fb), med(c.up), host[:0])
	}
}

func main() { labMain() }

func nices() {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if !strings.Contains(string(b), "--type=renderer") { continue }
		st, _ := os.ReadFile(strings.Replace(f, "cmdline", "stat", 1))
		t := string(st)
		rest := strings.Fields(t[strings.LastIndexByte(t, ')')+2:])
		e, _ := os.ReadFile(strings.Replace(f, "cmdline", "stat", 1)); _ = e
		if !mine(t[:strings.IndexByte(t, ' ')]) { continue }
		fmt.Println("pid", t[:strings.IndexByte(t, ' ')], "nice", rest[16], "cpu", rest[11], rest[12])
	}
}
func mine(pid string) bool {
	for pid != "1" && pid != "0" {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil { return false }
		t := string(b)
		pid = strings.Fields(t[strings.LastIndexByte(t, ')')+2:])[1]
		if pid == fmt.Sprint(os.Getpid()) { return true }
	}
	return false
}
