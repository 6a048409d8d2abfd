package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// origin is a server on loopback under a name of its own.
type origin struct {
	url      string
	listener net.Listener
	server   *http.Server
}

// listenAs takes a port. serve answers on it: in between, others can be told the
// origin.
func listenAs(host string) (*origin, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return &origin{url: fmt.Sprintf("http://%s.example.localhost:%d", host, port), listener: listener}, nil
}

func (o *origin) serve(handler http.Handler) {
	o.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := o.server.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
}

func (o *origin) close() error {
	if o.server == nil {
		return o.listener.Close()
	}
	return o.server.Close()
}

// cached serves with a long life: every page is measured with a warm cache.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Del("Content-Security-Policy") // the demonstration's; the others have none
		w.Header().Set("Cache-Control", "max-age=3600")
		next.ServeHTTP(w, r)
	})
}

// script serves JavaScript that is there already.
func script(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		if _, err := w.Write(text); err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
	}
}

// assignment is a script that gives a global name a value.
func assignment(name string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return []byte("var " + name + " = " + string(text) + ";\n"), nil
}
