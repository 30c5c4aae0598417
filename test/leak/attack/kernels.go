package attack

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// kernels are requests to the kernel that would change the network itself.
func kernels() []Probe {
	refused := func(what string, do func(a Aim) error) Probe {
		return Probe{what, None, func(a Aim) error {
			if err := do(a); err != nil {
				return err
			}
			return reached{what}
		}}
	}
	return []Probe{
		refused("a route", func(a Aim) error {
			return netlink.RouteAdd(&netlink.Route{LinkIndex: int(index()), Dst: netlink.NewIPNet(another(a).AsSlice())})
		}),
		refused("an address", func(a Aim) error {
			link, err := netlink.LinkByName(device)
			if err != nil {
				return err
			}
			return netlink.AddrAdd(link, &netlink.Addr{IPNet: netlink.NewIPNet(another(a).AsSlice())})
		}),
		refused("a routing rule", func(Aim) error {
			rule := netlink.NewRule()
			rule.Table = 77
			return netlink.RuleAdd(rule)
		}),
		refused("a queueing discipline", func(Aim) error {
			return netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: int(index()), Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)}})
		}),
		refused("a neighbour", func(a Aim) error {
			return netlink.NeighAdd(&netlink.Neigh{LinkIndex: int(index()), IP: another(a).AsSlice(), HardwareAddr: []byte{2, 0, 0, 0, 0, 1}, State: netlink.NUD_PERMANENT})
		}),
		refused("an IPsec policy", func(a Aim) error {
			return netlink.XfrmPolicyAdd(&netlink.XfrmPolicy{Dst: netlink.NewIPNet(a.Far.AsSlice()), Dir: netlink.XFRM_DIR_OUT})
		}),
		refused("a tunnel", func(a Aim) error {
			return netlink.LinkAdd(&netlink.Vxlan{LinkAttrs: netlink.LinkAttrs{Name: "leak0"}, VxlanId: 1, Group: a.Far.AsSlice(), Port: 4789})
		}),
		refused("the link, down", func(Aim) error {
			link, err := netlink.LinkByName(device)
			if err != nil {
				return err
			}
			return netlink.LinkSetDown(link)
		}),
		refused("a TUN device", tun),
		refused("a BPF program", func(Aim) error {
			insns := [16]byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95} // r0 = 0; exit
			license := [4]byte{'G', 'P', 'L'}
			attr := struct {
				kind, count    uint32
				insns, license uint64
			}{8, 2, address(&insns[0]), address(&license[0])} // BPF_PROG_TYPE_CGROUP_SKB
			_, _, errno := unix.Syscall(unix.SYS_BPF, 5, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)) //nolint:gosec // bpf(2), BPF_PROG_LOAD
			return errnoOrNil(errno)
		}),
		walled(refused("moving into the proxy's cgroup", cgroup)),
		{"the table of iptables", None, iptables},
		{"io_uring: UDP", None, func(a Aim) error { return ring(a, unix.SOCK_DGRAM, a.far(9)) }},
		{"io_uring: UDP to port 53", None, func(a Aim) error { return ring(a, unix.SOCK_DGRAM, a.far(53)) }},
		{"io_uring: TCP", None, func(a Aim) error { return ring(a, unix.SOCK_STREAM, a.Open) }},
	}
}

// walled is a probe that makes sense, and does no harm, only inside a container.
func walled(p Probe) Probe {
	p.Means = Walls
	return p
}

func address(p *byte) uint64 { return uint64(uintptr(unsafe.Pointer(p))) } //nolint:gosec // for the kernel

func errnoOrNil(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// tun makes a device by /dev/net/tun, which it makes first (CAP_MKNOD).
func tun(Aim) error {
	_ = os.MkdirAll("/tmp", 0o755)
	node := "/tmp/leak-tun"
	defer os.Remove(node)
	_ = unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))) //nolint:gosec // a device's number
	var failed error
	for _, path := range []string{"/dev/net/tun", node} {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			failed = err
			continue
		}
		defer unix.Close(fd)
		request, err := unix.NewIfreq("leak1")
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if failed = unix.IoctlIfreq(fd, unix.TUNSETIFF, request); failed == nil {
			return nil
		}
	}
	return failed
}

// cgroup tries to join every cgroup that it can see, as the sockets of a process there would be the proxy's.
func cgroup(Aim) error {
	var failed error
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		entries, err := os.ReadDir(dir)
		failed = errors.Join(failed, err)
		for _, e := range entries {
			if e.IsDir() {
				err := os.WriteFile(dir+"/"+e.Name()+"/cgroup.procs", []byte(fmt.Sprint(os.Getpid())), 0o600)
				if err == nil && dir == "/sys/fs/cgroup/unified" {
					return nil
				}
				failed = errors.Join(failed, err)
			}
		}
	}
	return errors.Join(failed, errors.New("no cgroup could be joined"))
}

// iptables asks for the rules by the old interface, which takes CAP_NET_ADMIN.
func iptables(Aim) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return unix.SetsockoptString(fd, unix.SOL_IP, 64, "filter") // IPT_SO_SET_REPLACE
}
