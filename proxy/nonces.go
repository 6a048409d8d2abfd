package proxy

import "tokenvault/internal/dpop"

// noteNonce takes the nonce for proofs that a response of the origin gives (RFC 9449
// §8), and reports whether there is one. It is kept in the memory of this frame: a
// server that wants another says so.
func (p *Proxy) noteNonce(origin string, headers []string) bool {
	nonce := header(headers, "dpop-nonce")
	if !dpop.IsNonce(nonce) {
		return false
	}
	p.mu.Lock()
	p.nonces = append(p.nonces.without(origin), parameter{origin, nonce})
	p.mu.Unlock()
	return true
}

// nonceFor returns the last nonce of the origin, "" if it gave none.
func (p *Proxy) nonceFor(origin string) string {
	p.mu.Lock()
	nonce, _ := p.nonces.get(origin)
	p.mu.Unlock()
	return nonce
}
