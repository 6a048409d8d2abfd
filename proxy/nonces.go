package proxy

import (
	"sync"

	"tokenvault/internal/dpop"
)

// nonces keeps the nonce for proofs that each origin gave last (RFC 9449 §8), in the
// memory of this frame: a server that wants another says so.
type nonces struct {
	mu     sync.Mutex
	values map[string]string
}

// note takes what a response of the origin says, and reports whether it has a nonce.
func (n *nonces) note(origin string, headers []string) bool {
	nonce := header(headers, "dpop-nonce")
	if !dpop.IsNonce(nonce) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.values[origin] = nonce
	return true
}

func (n *nonces) get(origin string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.values[origin]
}
