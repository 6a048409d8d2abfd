package devidp

import "time"

const (
	maxSessions     = 1024
	maxTransactions = 1024
	maxPushed       = 1024
)

// expiring is a bounded map whose entries end at a time. Expiry is judged on every
// access, not by a timer. It is not safe for concurrent use.
type expiring[V any] struct {
	limit   int
	entries map[string]expiringEntry[V]
}

type expiringEntry[V any] struct {
	value V
	ends  time.Time
}

func newExpiring[V any](limit int) expiring[V] {
	return expiring[V]{limit: limit, entries: make(map[string]expiringEntry[V])}
}

// put stores an entry; in a full map the entry that ends first makes room.
func (e *expiring[V]) put(key string, value V, now, ends time.Time) {
	if len(e.entries) >= e.limit {
		var first string
		for k, v := range e.entries {
			if !now.Before(v.ends) {
				delete(e.entries, k)
			} else if first == "" || v.ends.Before(e.entries[first].ends) {
				first = k
			}
		}
		if len(e.entries) >= e.limit {
			delete(e.entries, first)
		}
	}
	e.entries[key] = expiringEntry[V]{value: value, ends: ends}
}

func (e *expiring[V]) get(key string, now time.Time) (V, bool) {
	entry, ok := e.entries[key]
	if !ok || !now.Before(entry.ends) {
		delete(e.entries, key)
		var zero V
		return zero, false
	}
	return entry.value, true
}

func (e *expiring[V]) remove(key string) { delete(e.entries, key) }

func (e *expiring[V]) clear() int {
	n := len(e.entries)
	clear(e.entries)
	return n
}
