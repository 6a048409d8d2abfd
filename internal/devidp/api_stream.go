package devidp

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	defaultEvents   = 5
	maxEvents       = 100_000
	defaultInterval = 100 * time.Millisecond
	defaultSlow     = time.Second
	defaultDrop     = 1 << 10
)

// apiEvents is a stream of server-sent events: count= of them, interval= ms apart.
func apiEvents(w http.ResponseWriter, r *http.Request) {
	count, err := queryInt(r, "count", defaultEvents, maxEvents)
	interval, err2 := queryMillis(r, "interval", defaultInterval)
	if badQuery(w, errors.Join(err, err2)) {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for n := int64(1); n <= count; n++ {
		if n > 1 {
			pause(r, interval)
		}
		push(w, fmt.Sprintf("id: %d\nevent: tick\ndata: {\"n\":%d,\"of\":%d}\n\n", n, n, count))
	}
}

// apiSlow answers after ms=.
func apiSlow(w http.ResponseWriter, r *http.Request) {
	wait, err := queryMillis(r, "ms", defaultSlow)
	if badQuery(w, err) {
		return
	}
	pause(r, wait)
	writeJSON(w, http.StatusOK, map[string]int64{"waited_ms": wait.Milliseconds()})
}

// apiDrop promises more than it sends: the connection is cut after= bytes.
func apiDrop(w http.ResponseWriter, r *http.Request) {
	after, err := queryInt(r, "after", defaultDrop, maxBinary)
	if badQuery(w, err) {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(after+1, 10))
	push(w, string(BinaryBody(after)))
	panic(http.ErrAbortHandler)
}

// apiCut is a stream of server-sent events whose connection is cut after the first.
func apiCut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	push(w, "retry: 60000\nid: 1\nevent: tick\ndata: {}\n\n")
	panic(http.ErrAbortHandler)
}
