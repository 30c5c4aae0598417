package attack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// covered are families of sockets that other probes cover, or that do not leave the machine: unspecified, unix, IPv4, IPv6, netlink,
// packet.
func covered() []int {
	return []int{unix.AF_UNSPEC, unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET}
}

const (
	sweptFamilies = 64 // the kernel of today knows 46
	sweptAtOnce   = 4  // a family that the kernel lacks costs a search for its module
)

// sweeps open every kind of socket of every family by its number, so that a family that nobody has thought of is noticed,
// and try to send by what opens.
func sweeps() []Probe {
	var all []Probe
	for first := 0; first < sweptFamilies; first += sweptAtOnce {
		all = append(all, Probe{fmt.Sprintf("beside IP: every socket of families %d to %d", first, first+sweptAtOnce-1), None, func(a Aim) error {
			var opened []string
			for family := first; family < first+sweptAtOnce; family++ {
				if !slices.Contains(covered(), family) {
					opened = append(opened, sweepFamily(a, family)...)
				}
			}
			return errors.New("opened (family/type/protocol): " + strings.Join(opened, " "))
		}})
	}
	return append(all, each(None, "beside IP: modules that the kernel loads on demand: %s", []named[func() []string]{
		{"protocols of netlink", netlinkProtocols}, {"families of generic netlink", genericFamilies}, {"requests of devices", deviceRequests},
	}, func(_ Aim, ask func() []string) error { return errors.New("answered: " + strings.Join(ask(), ", ")) })...)
}

// sweepFamily returns which sockets of a family could be opened, with a + where the kernel took data.
func sweepFamily(a Aim, family int) []string {
	var opened []string
	missing := map[int]int{} // protocols: the kernel searches for a module at each attempt
	for _, kind := range []int{unix.SOCK_RAW, unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET, unix.SOCK_RDM} {
		for _, protocol := range []int{0, 1, 2, 3, 5, 6, 7, 0x0300} {
			if missing[protocol] > 1 {
				continue
			}
			fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
			if errors.Is(err, unix.EAFNOSUPPORT) {
				return opened
			}
			if errors.Is(err, unix.EPROTONOSUPPORT) {
				missing[protocol]++
			}
			if err != nil {
				continue
			}
			opened = append(opened, fmt.Sprintf("%d/%d/%d%s", family, kind, protocol, sendAnywhere(a, fd, family)))
			_ = unix.Close(fd)
		}
	}
	return opened
}

// sendAnywhere sends to every plausible address, and returns a + if the kernel took data.
func sendAnywhere(a Aim, fd, family int) (took string) {
	for _, to := range plausible(a, family) {
		if _, err := sendTo(fd, []byte(Secret), to); err == nil {
			took = "+"
		}
		if callAddress(unix.SYS_CONNECT, fd, to) == nil && unix.Send(fd, []byte(Secret), unix.MSG_DONTWAIT) == nil {
			took = "+"
		}
	}
	return took
}

// plausible are addresses that a family may take: an interface, a station on the link, an Internet address, a number.
func plausible(a Aim, family int) [][]byte {
	inner := internet(a.Open)
	return [][]byte{
		onLink(family)(a),
		padded(16, addressBytes(family, []byte{1, 0, 0, 0, 0, 0x42}, peer(a))),
		addressBytes(family, inner[2:]),
		addressBytes(family, native32(0), big16(0x1303), peer(a), padded(16, []byte(device))),
		padded(128, addressBytes(family, []byte{1, 0, 1})),
	}
}

// netlinkProtocols returns which protocols of netlink there are.
func netlinkProtocols() []string {
	var there []string
	for protocol := range 24 {
		if fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol); err == nil {
			_ = unix.Close(fd)
			there = append(there, fmt.Sprint(protocol))
		}
	}
	return there
}

// genericFamilies returns which families of generic netlink there are once they have been asked for.
func genericFamilies() []string {
	var there []string
	for _, name := range []string{"TIPCv2", "l2tp", "SMC_GEN_NETLINK", "wireguard", "ovs_datapath", "macsec", "team", "gtp", "batadv", "fou", "nfc", "mptcp_pm"} {
		if _, err := netlink.GenlFamilyGet(name); err == nil {
			there = append(there, name)
		}
	}
	return there
}

// deviceRequests returns the answers to requests of network devices for which the kernel loads modules.
func deviceRequests() []string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return []string{err.Error()}
	}
	defer unix.Close(fd)
	var answers []string
	for _, request := range []named[uintptr]{{"bridge", unix.SIOCGIFBR}, {"VLAN", unix.SIOCGIFVLAN}, {"frame relay", unix.SIOCADDDLCI}, {"timestamps", unix.SIOCSHWTSTAMP}} {
		var argument [128]byte
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request.value, uintptr(address(&argument[0])))
		answers = append(answers, fmt.Sprintf("%s: %v", request.name, errno))
	}
	return answers
}
