package devidp

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

const (
	defaultSteps = 3
	maxSteps     = 1000
	maxStepped   = 256
)

var errStepsAs = errors.New("as must be sse, ndjson, text or binary")

// stepBox knows how far each stream of /steps/{id} was acknowledged.
type stepBox struct {
	mu      sync.Mutex
	acked   map[string]int64
	changed chan struct{} // closed and replaced at every acknowledgement
}

func newStepBox() *stepBox {
	return &stepBox{acked: make(map[string]int64), changed: make(chan struct{})}
}

// begin takes an id for a stream; it is taken until the returned function runs.
func (b *stepBox) begin(id string, from int64) (end func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.acked[id]; taken || len(b.acked) >= maxStepped {
		return nil, false
	}
	b.acked[id] = from
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.acked, id)
	}, true
}

// ack says that the reader of a stream has its parts up to n.
func (b *stepBox) ack(id string, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	acked, ok := b.acked[id]
	if ok && n > acked {
		b.acked[id] = n
		close(b.changed)
		b.changed = make(chan struct{})
	}
	return ok
}

// wait returns when part n was acknowledged, and ends the request when its client
// leaves meanwhile.
func (b *stepBox) wait(r *http.Request, id string, n int64) {
	for {
		b.mu.Lock()
		acked, changed := b.acked[id], b.changed
		b.mu.Unlock()
		if acked >= n {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

// apiSteps streams count= parts, and sends each only after the one before it was
// acknowledged by a request to …/ack?n=. A client that gets to the end has got each
// part as it was sent, whatever the time that took. The parts end with a line feed.
// With head the first part waits for an acknowledgement too, of part 0: of the head.
// With cut the connection is cut where the stream would end.
//
//	as=sse (default)  events with the id n; a stream that is asked for with
//	                  Last-Event-ID goes on behind it, and is 204 when there is no more
//	as=ndjson         a line of JSON each
//	as=text           a line of text each
//	as=binary         1000 bytes each
func (s *Server) apiSteps(w http.ResponseWriter, r *http.Request) {
	count, err := queryInt(r, "count", defaultSteps, maxSteps)
	as := r.URL.Query().Get("as")
	if as == "" {
		as = "sse"
	}
	types := map[string]string{
		"sse": "text/event-stream", "ndjson": "application/x-ndjson",
		"text": "text/plain; charset=utf-8", "binary": "application/octet-stream",
	}
	if types[as] == "" {
		err = errors.Join(err, errStepsAs)
	}
	if badQuery(w, err) {
		return
	}
	var from int64
	if last := r.Header.Get("Last-Event-ID"); as == "sse" && last != "" {
		if from, err = strconv.ParseInt(last, 10, 64); err != nil || from < 0 {
			refuseQuery(w, errors.New("Last-Event-ID must be a number"))
			return
		}
		if from >= count {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	id := r.PathValue("id")
	acked := from
	if r.URL.Query().Has("head") {
		acked--
	}
	end, ok := s.steps.begin(id, acked)
	if !ok {
		writeError(w, http.StatusConflict, "conflict", "a stream of this id runs")
		return
	}
	defer end()
	w.Header().Set("Content-Type", types[as])
	push(w, "")
	for n := from + 1; n <= count; n++ {
		s.steps.wait(r, id, n-1)
		push(w, stepPart(as, n, count))
	}
	s.steps.wait(r, id, count) // the last part too arrives before the end does
	if r.URL.Query().Has("cut") {
		panic(http.ErrAbortHandler)
	}
}

func stepPart(as string, n, count int64) string {
	switch as {
	case "ndjson":
		return fmt.Sprintf("{\"n\":%d,\"of\":%d,\"text\":\"Grüße\"}\n", n, count)
	case "text":
		return fmt.Sprintf("part %d of %d: Grüße\n", n, count)
	case "binary":
		return string(BinaryBody(999)) + "\n"
	default:
		return fmt.Sprintf("retry: 1\nid: %d\nevent: step\ndata: {\"n\":%d,\"of\":%d}\n\n", n, n, count)
	}
}

// apiStepsAck acknowledges part n= of a stream.
func (s *Server) apiStepsAck(w http.ResponseWriter, r *http.Request) {
	n, err := queryInt(r, "n", 0, maxSteps)
	if badQuery(w, err) {
		return
	}
	if !s.steps.ack(r.PathValue("id"), n) {
		writeError(w, http.StatusNotFound, "not_found", "no stream of this id runs")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
