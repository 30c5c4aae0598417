// Package localsock opens unix sockets whose two ends each verify that the other end runs as root (unix(7), SO_PEERCRED).
package localsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
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

// owned makes sure that the file is of that kind, root's, and for nobody else to write.
func owned(path string, kind fs.FileMode) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Type() != kind {
		return fmt.Errorf("%s is no %s", path, map[fs.FileMode]string{fs.ModeSocket: "socket", fs.ModeDir: "folder"}[kind])
	}
	const others = 0o022
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != 0 || info.Mode().Perm()&others != 0 {
		return fmt.Errorf("%s (mode %s): %w", path, info.Mode(), ErrPeer)
	}
	return nil
}

// peer makes sure that the process at the other end was root's when it connected, or began to listen.
func peer(conn net.Conn) error {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T is no socket", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("who is at the other end of %s: %w", conn.LocalAddr(), err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return fmt.Errorf("who is at the other end of %s: %w", conn.LocalAddr(), err)
	}
	switch {
	case credErr != nil:
		return fmt.Errorf("who is at the other end of %s: %w", conn.LocalAddr(), credErr)
	case cred.Uid != 0:
		return fmt.Errorf("the other end of %s, process %d of user %d: %w", conn.LocalAddr(), cred.Pid, cred.Uid, ErrPeer)
	}
	return nil
}
