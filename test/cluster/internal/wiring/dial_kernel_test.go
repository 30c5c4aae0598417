//go:build kernel

package wiring

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/vishvananda/netns"
)

// dials opens a TCP connection from the network of one process to an address in the network of another.
func dials(from, to int, addr netip.Addr) error {
	var listener net.Listener
	target := netip.AddrPortFrom(addr, 9).String()
	err := inNetwork(to, func() (err error) {
		listener, err = net.Listen("tcp", target)
		return err
	})
	if err != nil {
		return err
	}
	defer listener.Close()
	return inNetwork(from, func() error {
		conn, err := net.DialTimeout("tcp", target, 2*time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// inNetwork runs work on a thread in the network of pid; the thread ends with it.
func inNetwork(pid int, work func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ns, err := netns.GetFromPid(pid)
		if err != nil {
			done <- err
			return
		}
		defer ns.Close()
		if err := netns.Set(ns); err != nil {
			done <- fmt.Errorf("enter: %w", err)
			return
		}
		done <- work()
	}()
	return <-done
}
