// Package localsock opens unix sockets whose two ends each verify that the other end runs as root (unix(7), SO_PEERCRED).
package localsock

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
)

// ErrPeer means that the other end, or the file, is not root's.
var ErrPeer = errors.New("not root's")

// Listener accepts root's connections only; others are closed unread. Refused, if set, hears of each.
type Listener struct {
	net.Listener
	Refused func(error)
}

// Accept returns the next connection of root's.
func (l Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		err = peer(conn)
		if err == nil {
			return conn, nil
		}
		if err = errors.Join(err, conn.Close()); l.Refused != nil {
			l.Refused(err)
		}
	}
}

// Dial connects to the socket at path, if the socket and the one who listens there are root's and nobody else could have
// put another in its place.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if err := owned(path, fs.ModeSocket); err != nil {
		return nil, err
	}
	if err := owned(filepath.Dir(path), fs.ModeDir); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := peer(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
