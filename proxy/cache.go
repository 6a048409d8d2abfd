package proxy

import (
	"strings"
	"sync"
)

// unstored knows the URLs whose last answer no cache may store.
//
// App and vault are of one site and share the browser's HTTP cache: an echo of a
// token, as it was before it was scrubbed, could be read there by the app. So the
// vault keeps its requests out of the cache. In Chromium that costs a CORS
// preflight for each of them, a round trip. Where the server itself forbids to
// store, the cache has nothing to give away, and the preflight is remembered.
type unstored struct {
	mu   sync.Mutex
	urls map[string]bool
}

// maxUnstored bounds the memory; a preflight is remembered by URL as well, and
// for two hours at most.
const maxUnstored = 1000

func (u *unstored) has(url string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.urls[url]
}

// note remembers what the Cache-Control of an answer says about its URL.
func (u *unstored) note(url, cacheControl string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !forbidsStoring(cacheControl) {
		delete(u.urls, url)
		return
	}
	if u.urls == nil || len(u.urls) >= maxUnstored && !u.urls[url] {
		u.urls = map[string]bool{}
	}
	u.urls[url] = true
}

// forbidsStoring reports whether a Cache-Control has the directive no-store
// (RFC 9111 §5.2.2.5), in the list itself and not in a quoted argument.
func forbidsStoring(cacheControl string) bool {
	if strings.IndexByte(cacheControl, '"') >= 0 {
		return false // in doubt it may be stored
	}
	for directive := range strings.SplitSeq(cacheControl, ",") {
		if lower(strings.TrimSpace(directive)) == "no-store" {
			return true
		}
	}
	return false
}
