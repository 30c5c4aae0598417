package attack

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// segments are TCP segments with every odd combination of flags, and some that belong to connections of the proxy.
func segments() []Probe {
	flags := []named[byte]{
		{"no flag", 0}, {"FIN", fin}, {"SYN", syn}, {"SYN+FIN", syn | fin}, {"RST", rst}, {"RST+ACK", rst | ack}, {"ACK", ack},
		{"SYN+ACK", syn | ack}, {"PSH", psh}, {"PSH+ACK", psh | ack}, {"URG", urg}, {"FIN+ACK", fin | ack}, {"SYN+RST", syn | rst},
		{"FIN+PSH+URG", fin | psh | urg}, {"all flags", 0xff}, {"SYN+ECE+CWR", syn | ece | cwr}, {"SYN+PSH", syn | psh}, {"FIN+RST", fin | rst},
	}
	all := each(Raw, "a raw segment with %s", flags, func(a Aim, f byte) error {
		return raw(a, unix.IPPROTO_TCP, tcpPacket(a, 4001, a.far(80), f, 1000, 2000))
	})
	all = append(all, each(Raw, "a raw segment with %s, bound to the interface, with SO_MARK", flags[:12], func(a Aim, f byte) error {
		return raw(a, unix.IPPROTO_TCP, tcpPacket(a, 4002, a.far(80), f, 1000, 2000), toInterface, mark)
	})...)
	return append(all, each(Raw, "a segment of a live connection of the proxy with %s", flags[:12], inject)...)
}

// inject makes the proxy call somebody, finds the call in /proc/net/tcp, and sends a segment with its addresses and ports.
func inject(a Aim, flags byte) error {
	c, err := net.DialTimeout("tcp", a.Open.String(), 4*patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(a.Hello)); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(2 * patience))
	_, _ = c.Read(make([]byte, 100))
	local, err := upstream(a)
	if err != nil {
		return err
	}
	aim := a
	aim.Far = a.Open.Addr()
	return raw(aim, unix.IPPROTO_TCP, tcpPacket(a, local, a.Open, flags, 1000, 2000))
}

// upstream is the port of the proxy's call to the open address.
func upstream(a Aim) (uint16, error) {
	name := "/proc/net/tcp"
	if a.v6() {
		name = "/proc/net/tcp6"
	}
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	remote := kernelAddress(a.Open)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[2] != remote || fields[7] != fmt.Sprint(a.Proxy) {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		b, err := hex.DecodeString(port)
		return binary.BigEndian.Uint16(b), err
	}
	return 0, errors.New("the proxy has no connection there")
}

// kernelAddress is how proc_net_tcp(5) writes an address: words in the machine's order.
func kernelAddress(at netip.AddrPort) string {
	b := at.Addr().AsSlice()
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	return fmt.Sprintf("%X:%04X", b, at.Port())
}

// datagrams are raw packets of all other protocols.
func datagrams() []Probe {
	protocols := []named[int]{
		{"SCTP", unix.IPPROTO_SCTP}, {"GRE", unix.IPPROTO_GRE}, {"UDP-Lite", unix.IPPROTO_UDPLITE}, {"IP in IP", unix.IPPROTO_IPIP},
		{"IPv6 in IP", unix.IPPROTO_IPV6}, {"DCCP", unix.IPPROTO_DCCP}, {"ESP", unix.IPPROTO_ESP}, {"AH", unix.IPPROTO_AH},
		{"IGMP", unix.IPPROTO_IGMP}, {"PIM", unix.IPPROTO_PIM}, {"OSPF", 89}, {"VRRP", 112}, {"L2TP", 115}, {"MPLS", unix.IPPROTO_MPLS},
		{"protocol 253", 253}, {"protocol 254", 254}, {"protocol 61", 61}, {"EGP", 8}, {"no next header", 59},
	}
	all := each(Raw, "raw %s", protocols, func(a Aim, protocol int) error {
		return raw(a, protocol, append([]byte{0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, Secret...))
	})
	icmp := []named[[2][2]byte]{ // IPv4's type and code, IPv6's
		{"echo request", [2][2]byte{{8, 0}, {128, 0}}}, {"echo reply", [2][2]byte{{0, 0}, {129, 0}}},
		{"unreachable", [2][2]byte{{3, 3}, {1, 4}}}, {"fragmentation needed", [2][2]byte{{3, 4}, {2, 0}}},
		{"redirect", [2][2]byte{{5, 1}, {137, 0}}}, {"time exceeded", [2][2]byte{{11, 0}, {3, 0}}},
		{"timestamp, or node information", [2][2]byte{{13, 0}, {139, 0}}}, {"router solicitation", [2][2]byte{{10, 0}, {133, 0}}},
		{"router advertisement", [2][2]byte{{9, 0}, {134, 0}}}, {"neighbour solicitation", [2][2]byte{{40, 0}, {135, 0}}},
		{"neighbour advertisement", [2][2]byte{{41, 0}, {136, 0}}}, {"extended echo", [2][2]byte{{42, 0}, {160, 0}}},
	}
	all = append(all, each(Raw, "raw ICMP: %s", icmp, func(a Aim, kinds [2][2]byte) error {
		protocol, kind := unix.IPPROTO_ICMP, kinds[0]
		var hops []prepare
		if a.v6() {
			protocol, kind = unix.IPPROTO_ICMPV6, kinds[1]
			hops = append(hops, set(unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, 255))
		}
		far := a.Far.As16()
		return raw(a, protocol, icmpPacket(a, kind[0], kind[1], append([]byte{0, 1, 0, 1}, far[:]...)...), hops...)
	})...)
	return append(all, each(Raw, "raw UDP %s", []named[[2]uint16]{
		{"to port 9", [2]uint16{4000, 9}}, {"to port 53", [2]uint16{4000, 53}}, {"from port 53", [2]uint16{53, 4000}}, {"to port 443", [2]uint16{4000, 443}},
	}, func(a Aim, ports [2]uint16) error { return raw(a, unix.IPPROTO_UDP, udpPacket(a, ports[0], ports[1])) })...)
}
