//go:build js && wasm

package vault

import (
	"time"

	"tokenvault/proxy"
	"tokenvault/wasm/browser"
	"tokenvault/wasm/locks"
)

// busName is the BroadcastChannel of the vault origin.
const busName = "tokenvault"

// Browser makes what package proxy needs. heard gets what other windows publish.
func Browser(heard func(message string)) (proxy.Browser, error) {
	bus, err := browser.NewChannel(busName, heard)
	if err != nil {
		return proxy.Browser{}, err
	}
	database := newDatabase()
	return proxy.Browser{
		Store:   database,
		Sealer:  database,
		Locker:  locks.Locker{},
		Fetcher: browser.Fetcher{},
		Bus:     bus,
		Clock:   time.Now,
		Crypto:  &cryptography{database},
	}, nil
}
