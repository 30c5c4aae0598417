// Package netns opens and enters network namespaces (network_namespaces(7)), and rejects those that are not a pod's.
package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// Why a namespace is refused.
var (
	errHost       = errors.New("it is the node's own network namespace")
	ErrNotThePods = errors.New("it does not hold the pod's IP")
)

// Namespace is one open network namespace. The open file keeps it alive: what is read and written through it is one and
// the same namespace, even if the path changes. Safe for concurrent use until Close.
type Namespace struct {
	path   string
	handle ns.NetNS
	id     id
}

// id is what makes two open namespaces the same.
type id struct{ device, inode uint64 }

// Open opens the namespace at path: a bind mount such as /run/netns/NAME, or /proc/PID/ns/net. The error satisfies
// errors.Is(err, fs.ErrNotExist) if it is gone.
func Open(path string) (*Namespace, error) {
	id, err := identify(path)
	if err != nil {
		return nil, err
	}
	handle, err := ns.GetNS(path)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	opened, err := identify(fmt.Sprintf("/proc/self/fd/%d", handle.Fd()))
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	if opened != id {
		return nil, errors.Join(fmt.Errorf("open network namespace %s: it was replaced meanwhile", path), handle.Close())
	}
	return &Namespace{path: path, handle: handle, id: id}, nil
}

func identify(path string) (id, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return id{}, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	return id{device: st.Dev, inode: st.Ino}, nil
}

// Close lets the namespace go.
func (n *Namespace) Close() error { return n.handle.Close() }

// Inode is the number by which lsns(8) and /proc/PID/ns/net show it.
func (n *Namespace) Inode() uint64 { return n.id.inode }

// Do runs f on an OS thread inside the namespace; child processes that f starts are inside too. f must not start
// goroutines that rely on it.
func (n *Namespace) Do(f func() error) error {
	return n.handle.Do(func(ns.NetNS) error { return f() })
}

// threadPath is the network namespace of the calling thread. /proc/self would show that of the process's first thread,
// and Do may have sent just that one elsewhere.
const threadPath = "/proc/thread-self/ns/net"

// hosts are the paths of the namespaces that are no pod's: where this process lives, and where the node's first process
// does. If this process is itself the first it sees, there is no other to compare with.
func hosts() []string {
	if os.Getpid() == 1 {
		return []string{threadPath}
	}
	return []string{threadPath, "/proc/1/ns/net"}
}

// CheckPod returns nil if the namespace may be written to for a pod with these IPs: it is neither the caller's nor the
// node's first process's, and it holds at least one of the IPs. Errors satisfy errors.Is with errHost or ErrNotThePods.
// Do not call it from within Do.
func (n *Namespace) CheckPod(ips []netip.Addr) error {
	if err := n.CheckNotHost(); err != nil {
		return err
	}
	held, err := n.addresses()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(ips, func(ip netip.Addr) bool { return slices.Contains(held, ip.Unmap()) }) {
		return fmt.Errorf("network namespace %s refused: %w (pod %v, found %v)", n.path, ErrNotThePods, ips, held)
	}
	return nil
}

// CheckNotHost is the first half of CheckPod: what remains to be known of a pod that may have changed its own addresses.
func (n *Namespace) CheckNotHost() error {
	for _, host := range hosts() {
		id, err := identify(host)
		if errors.Is(err, os.ErrPermission) {
			continue // not allowed to look at process 1: then it is not ours to enter either
		}
		if err != nil {
			return err
		}
		if id == n.id {
			return fmt.Errorf("network namespace %s refused: %w", n.path, errHost)
		}
	}
	return nil
}

// InOtherUserNamespace reports whether the namespace belongs to another user namespace than this process's, as that of a
// pod with hostUsers: false does. There the kernel refuses rules that match the owners of sockets (xt_owner).
func (n *Namespace) InOtherUserNamespace() (bool, error) {
	fd, err := unix.IoctlRetInt(int(n.handle.Fd()), unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		return true, nil // it is not below ours
	}
	if err != nil {
		return false, fmt.Errorf("user namespace of network namespace %s: %w", n.path, err)
	}
	defer unix.Close(fd)
	theirs, err := identify(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return false, err
	}
	ours, err := identify("/proc/self/ns/user")
	return theirs != ours, err
}

func (n *Namespace) addresses() ([]netip.Addr, error) {
	var held []netip.Addr
	err := n.Do(func() error {
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return fmt.Errorf("list addresses in network namespace %s: %w", n.path, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				held = append(held, p.Addr().Unmap())
			}
		}
		return nil
	})
	return held, err
}
