package static

import (
	"bytes"
	"net"
)

// VaultListener gives the header Origin-Agent-Cluster to the answers that
// net/http makes without asking a handler: to a path that it cannot read, to a
// head that is too large. Chromium keeps for a whole page what the first
// document of an origin said about it, so one such answer in a frame would have
// the vault run in the process of the app.
func VaultListener(inner net.Listener) net.Listener { return vaultListener{inner} }

type vaultListener struct{ net.Listener }

func (l vaultListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return vaultConn{conn}, nil
}

type vaultConn struct{ net.Conn }

// ownHead is all that net/http's own answers have after their status line. It
// writes them at once, and those of handlers have more headers.
var ownHead = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

func (c vaultConn) Write(p []byte) (int, error) {
	line := bytes.Index(p, []byte("\r\n"))
	if line < 0 || !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) || !bytes.HasPrefix(p[line:], ownHead) {
		return c.Conn.Write(p)
	}
	const header = "\r\nOrigin-Agent-Cluster: ?1"
	answer := make([]byte, 0, len(p)+len(header))
	answer = append(append(append(answer, p[:line]...), header...), p[line:]...)
	written, err := c.Conn.Write(answer)
	return min(written, len(p)), err
}

// CloseWrite is what net/http looks for, to have its last answer arrive before
// the connection is gone.
func (c vaultConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
