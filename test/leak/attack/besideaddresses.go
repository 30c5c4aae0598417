package attack

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// addressBytes builds a socket address: its family in the machine's byte order, and the rest.
func addressBytes(family int, rest ...[]byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(family)) //nolint:gosec // a small number
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

func native32(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

func big16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// padded is the bytes with zeros behind them.
func padded(size int, b []byte) []byte { return append(b, make([]byte, max(0, size-len(b)))...) }

// fixed is an address that does not depend on the aim, of a usual length.
func fixed(family int, rest ...[]byte) func(a Aim) []byte {
	return func(Aim) []byte { return padded(32, addressBytes(family, rest...))[:32] }
}

// exact is an address of just these bytes.
func exact(family int, rest ...[]byte) func(a Aim) []byte {
	return func(Aim) []byte { return addressBytes(family, rest...) }
}

// onLink is an address that holds the interface's number behind two bytes of padding.
func onLink(family int) func(a Aim) []byte {
	return func(Aim) []byte { return padded(24, addressBytes(family, []byte{0, 0}, native32(zone()))) }
}

// internet is the address of an IPv4 or IPv6 socket (netinet/in.h).
func internet(to netip.AddrPort) []byte {
	if to.Addr().Is4() {
		return addressBytes(unix.AF_INET, big16(to.Port()), to.Addr().AsSlice(), make([]byte, 8))
	}
	return addressBytes(unix.AF_INET6, big16(to.Port()), make([]byte, 4), to.Addr().AsSlice(), make([]byte, 4))
}

func farInternet(port uint16) func(a Aim) []byte {
	return func(a Aim) []byte { return internet(a.far(port)) }
}

// peer is the link address of the neighbour: the one that the aim names, or the next hop's, or that of everyone.
func peer(a Aim) net.HardwareAddr {
	if mac, err := net.ParseMAC(a.Peer); err == nil {
		return mac
	}
	text, _ := os.ReadFile("/proc/net/arp")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 6 && f[5] == device {
			if mac, err := net.ParseMAC(f[3]); err == nil && mac[0]|mac[5] != 0 {
				return mac
			}
		}
	}
	return net.HardwareAddr{255, 255, 255, 255, 255, 255}
}

// Protocols of AF_PPPOX (linux/if_pppox.h).
const (
	pppoxEthernet = iota
	pppoxL2TP
	pppoxPPTP
)

// pppoe is a session with the neighbour: what is sent by it becomes an Ethernet frame of type 0x8864.
func pppoe(a Aim) []byte {
	return addressBytes(unix.AF_PPPOX, native32(pppoxEthernet), big16(0x1303), peer(a), padded(16, []byte(device)))
}

// pptp is a call to the far address; its packets are GRE.
func pptp(a Aim) []byte { return pptpCall(far4(a)) }

func pptpCall(at netip.Addr) []byte {
	return padded(30, addressBytes(unix.AF_PPPOX, native32(pppoxPPTP), big16(1), []byte{0, 0}, at.AsSlice()))
}

// far4 and far6 are the far address in one family, and one like it where the aim is of the other.
func far4(a Aim) netip.Addr {
	if a.v6() {
		return netip.MustParseAddr("198.51.100.10")
	}
	return a.Far
}

func far6(a Aim) netip.Addr {
	if a.v6() {
		return a.Far
	}
	return netip.MustParseAddr("2001:db8:1::10")
}

// pppol2tp is a tunnel (session 0) or a session in it, over an ordinary UDP socket (struct sockaddr_pppol2tp).
func pppol2tp(udp int, to netip.AddrPort, session uint16) []byte {
	ids := []byte{}
	for _, id := range []uint16{1, session, 2, session} {
		ids = binary.NativeEndian.AppendUint16(ids, id)
	}
	return addressBytes(unix.AF_PPPOX, native32(pppoxL2TP, 0, uint32(udp)), internet(to), ids) //nolint:gosec // a file's number
}

// l2tpIP4 and l2tpIP6 are addresses of L2TP directly over IP (linux/l2tp.h).
func l2tpIP4(a Aim) []byte {
	return padded(16, addressBytes(unix.AF_INET, make([]byte, 2), far4(a).AsSlice(), native32(7)))
}

func l2tpIP6(a Aim) []byte {
	return addressBytes(unix.AF_INET6, make([]byte, 6), far6(a).AsSlice(), native32(0, 7))
}

// rxrpc is an address of AF_RXRPC: a UDP address behind a header (linux/rxrpc.h).
func rxrpc(service uint16, at netip.AddrPort) []byte {
	inner := internet(at)
	header := []byte{}
	for _, v := range []uint16{service, unix.SOCK_DGRAM, uint16(len(inner))} { //nolint:gosec // 16 or 28
		header = binary.NativeEndian.AppendUint16(header, v)
	}
	return padded(36, addressBytes(unix.AF_RXRPC, header, inner))
}
