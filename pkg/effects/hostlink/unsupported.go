package hostlink

import (
	"errors"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// dropTable removes the table of filters from a namespace, if it holds one.
func dropTable(ns *netns.Namespace) error {
	err := within(ns, func(conn *nftables.Conn) error {
		conn.DelTable(frames())
		return nil
	})
	if errors.Is(err, unix.ENOENT) || unknown(err) {
		return nil
	}
	return err
}

// unsupported reports whether an error of a filter at a hook means that the kernel has no such hook, or no nftables at all.
// EINVAL and ENOENT mean that where a question meets a kernel without nftables, or a chain one without chains of devices. They
// also mean that a link is gone or that a message is wrong, so a trial on a link that is there decides.
func unsupported(err error, hook *nftables.ChainHook) bool {
	if unknown(err) {
		return true
	}
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return false
	}
	return trial(hook) != nil
}

// unknown reports whether the kernel does not know what it was asked for.
func unknown(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT)
}

// trial puts a filter on the loopback link of a network namespace of its own.
func trial(hook *nftables.ChainHook) error {
	scratch, err := netns.Scratch()
	if err != nil {
		return nil // this error does not concern the kernel's hooks: the first error counts
	}
	defer scratch.Close()
	return within(scratch, func(conn *nftables.Conn) error {
		filter("trial", "lo", hook).put(conn)
		return nil
	})
}
