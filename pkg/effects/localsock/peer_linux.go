package localsock

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// owned returns an error unless the file is of that kind, belongs to root, and only root may write it.
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
