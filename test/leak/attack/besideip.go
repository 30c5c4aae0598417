package attack

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Families that golang.org/x/sys does not name.
const (
	afPhonet, afMCTP, afSMC, afQRTR  = 35, 45, 43, 42
	solRDS, rdsTransport, rdsOverTCP = 276, 8, 2
	solRXRPC, rxrpcCallID            = 272, 1
)

// besideIP are the sockets that send beside or below IP, or have the kernel send by a socket of its own. Each attempt
// opens, connects and sends.
func besideIP() []Probe {
	var all []Probe
	for _, e := range append(frameFamilies(), append(kernelSenders(), remoteFamilies()...)...) {
		means := None
		if e.value.family == unix.AF_PACKET || e.value.family == unix.AF_XDP {
			means = Frame
		}
		all = append(all, Probe{"beside IP: " + e.name, means, e.value.try})
	}
	all = append(all, Probe{"beside IP: PPPoL2TP: a session over a UDP socket", None, l2tpSession})
	return append(all, entrances()...)
}

// frameFamilies make frames of their own for a link.
func frameFamilies() []named[besideSocket] {
	station := func(a Aim) []byte { // one SAP of IEEE 802.2 at the neighbour
		return padded(16, addressBytes(unix.AF_LLC, []byte{1, 0, 0, 0, 0, 0x42}, peer(a)))
	}
	packet := func(a Aim) []byte {
		return addressBytes(unix.AF_PACKET, big16(0x88b5), native32(zone()), make([]byte, 2), []byte{0, 6}, peer(a), make([]byte, 2))
	}
	canAddress, call := onLink(unix.AF_CAN), []byte("CALLSGN")
	return []named[besideSocket]{
		{"PPPoE: a session frame to the neighbour", besideSocket{family: unix.AF_PPPOX, kind: unix.SOCK_STREAM, protocol: pppoxEthernet, to: pppoe}},
		{"PPPoE: 1,400 bytes in a frame", besideSocket{family: unix.AF_PPPOX, kind: unix.SOCK_STREAM, protocol: pppoxEthernet, to: pppoe, size: 1400}},
		{"PPTP", besideSocket{family: unix.AF_PPPOX, kind: unix.SOCK_STREAM, protocol: pppoxPPTP, to: pptp, from: func(Aim) []byte { return pptpCall(netip.IPv4Unspecified()) }}},
		{"AppleTalk: DDP", besideSocket{family: unix.AF_APPLETALK, kind: unix.SOCK_DGRAM, to: exact(unix.AF_APPLETALK, []byte{4, 0}, big16(0), []byte{255}, make([]byte, 9)), prepare: set(unix.SOL_SOCKET, unix.SO_BROADCAST, 1)}},
		{"IPX", besideSocket{family: unix.AF_IPX, kind: unix.SOCK_DGRAM, to: exact(unix.AF_IPX, big16(0x4003), make([]byte, 4), []byte{255, 255, 255, 255, 255, 255, 4, 0})}},
		{"LLC: datagram", besideSocket{family: unix.AF_LLC, kind: unix.SOCK_DGRAM, to: station, from: station}},
		{"LLC: stream", besideSocket{family: unix.AF_LLC, kind: unix.SOCK_STREAM, to: station, from: station}},
		{"X.25", besideSocket{family: unix.AF_X25, kind: unix.SOCK_SEQPACKET, to: exact(unix.AF_X25, padded(16, []byte("1303")))}},
		{"AX.25: datagram", besideSocket{family: unix.AF_AX25, kind: unix.SOCK_DGRAM, to: exact(unix.AF_AX25, call, padded(7, nil))}},
		{"AX.25: sequenced", besideSocket{family: unix.AF_AX25, kind: unix.SOCK_SEQPACKET, to: exact(unix.AF_AX25, call, padded(7, nil))}},
		{"NET/ROM", besideSocket{family: unix.AF_NETROM, kind: unix.SOCK_SEQPACKET, to: exact(unix.AF_NETROM, call, padded(7, nil))}},
		{"ROSE", besideSocket{family: unix.AF_ROSE, kind: unix.SOCK_SEQPACKET, to: exact(unix.AF_ROSE, padded(5, nil), call, padded(14, nil))}},
		{"DECnet", besideSocket{family: unix.AF_DECnet, kind: unix.SOCK_SEQPACKET, protocol: 2, to: fixed(unix.AF_DECnet)}},
		{"Econet", besideSocket{family: unix.AF_ECONET, kind: unix.SOCK_DGRAM, to: fixed(unix.AF_ECONET)}},
		{"Phonet", besideSocket{family: afPhonet, kind: unix.SOCK_DGRAM, to: exact(afPhonet, []byte{1, 0x64, 0x10}, make([]byte, 11))}},
		{"IEEE 802.15.4: datagram", besideSocket{family: unix.AF_IEEE802154, kind: unix.SOCK_DGRAM, to: fixed(unix.AF_IEEE802154, []byte{0, 0}, native32(2), []byte{255, 255, 255, 255})}},
		{"IEEE 802.15.4: raw", besideSocket{family: unix.AF_IEEE802154, kind: unix.SOCK_RAW, to: fixed(unix.AF_IEEE802154)}},
		{"CAN: raw", besideSocket{family: unix.AF_CAN, kind: unix.SOCK_RAW, protocol: unix.CAN_RAW, to: canAddress, from: canAddress, size: 16}},
		{"CAN: broadcast manager", besideSocket{family: unix.AF_CAN, kind: unix.SOCK_DGRAM, protocol: unix.CAN_BCM, to: canAddress, size: 72}},
		{"CAN: ISO-TP", besideSocket{family: unix.AF_CAN, kind: unix.SOCK_DGRAM, protocol: unix.CAN_ISOTP, to: canAddress, from: canAddress}},
		{"CAN: J1939", besideSocket{family: unix.AF_CAN, kind: unix.SOCK_DGRAM, protocol: unix.CAN_J1939, to: canAddress, from: canAddress}},
		{"CAIF", besideSocket{family: unix.AF_CAIF, kind: unix.SOCK_SEQPACKET, protocol: 1, to: fixed(unix.AF_CAIF)}},
		{"MCTP", besideSocket{family: afMCTP, kind: unix.SOCK_DGRAM, to: exact(afMCTP, []byte{0, 0}, native32(1), []byte{255, 1, 8, 0})}},
		{"AF_PACKET: raw", besideSocket{family: unix.AF_PACKET, kind: unix.SOCK_RAW, protocol: 0x0300, to: packet}},
		{"AF_PACKET: datagram", besideSocket{family: unix.AF_PACKET, kind: unix.SOCK_DGRAM, protocol: 0x0300, to: packet}},
		{"AF_XDP", besideSocket{family: unix.AF_XDP, kind: unix.SOCK_RAW, to: onLink(unix.AF_XDP), from: onLink(unix.AF_XDP)}},
	}
}

// kernelSenders have the kernel send by a socket or a thread of its own: whose the packet is, is not the caller's to see.
func kernelSenders() []named[besideSocket] {
	open := func(a Aim) []byte { return internet(a.Open) }
	pod := func(a Aim) []byte { return internet(netip.AddrPortFrom(a.Pod, 4000)) }
	message := func(kind byte) func(a Aim) []byte {
		return exact(unix.AF_TIPC, []byte{kind, 2}, native32(18888, 17, []uint32{20, 0}[kind-1]))
	}
	callID := make([]byte, unix.CmsgSpace(8))
	binary.NativeEndian.PutUint64(callID, uint64(unix.CmsgLen(8))) //nolint:gosec // struct cmsghdr
	copy(callID[8:], native32(solRXRPC, rxrpcCallID, 1))
	table := []named[besideSocket]{
		{"SMC", besideSocket{family: afSMC, kind: unix.SOCK_STREAM, to: open}},
		{"SMC for IPv6", besideSocket{family: afSMC, kind: unix.SOCK_STREAM, protocol: 1, to: func(a Aim) []byte { return internet(netip.AddrPortFrom(far6(a), 80)) }}},
		{"RDS", besideSocket{family: unix.AF_RDS, kind: unix.SOCK_SEQPACKET, to: farInternet(4000), from: pod}},
		{"RDS over TCP", besideSocket{family: unix.AF_RDS, kind: unix.SOCK_SEQPACKET, to: farInternet(4000), from: pod, prepare: set(solRDS, rdsTransport, rdsOverTCP)}},
		{"KCM", besideSocket{family: unix.AF_KCM, kind: unix.SOCK_DGRAM, to: fixed(unix.AF_KCM)}},
		{"QRTR to all nodes", besideSocket{family: afQRTR, kind: unix.SOCK_DGRAM, to: exact(afQRTR, []byte{0, 0}, native32(0xffffffff, 0xfffffffe))}},
		{"L2TP over IP", besideSocket{family: unix.AF_INET, kind: unix.SOCK_DGRAM, protocol: unix.IPPROTO_L2TP, to: l2tpIP4}},
		{"L2TP over IPv6", besideSocket{family: unix.AF_INET6, kind: unix.SOCK_DGRAM, protocol: unix.IPPROTO_L2TP, to: l2tpIP6}},
	}
	for _, p := range []named[func(a Aim) netip.Addr]{{"RxRPC over UDP", far4}, {"RxRPC over UDP and IPv6", far6}} {
		family, wild := unix.AF_INET, netip.IPv4Unspecified()
		if p.name != "RxRPC over UDP" {
			family, wild = unix.AF_INET6, netip.IPv6Unspecified()
		}
		table = append(table, named[besideSocket]{p.name, besideSocket{
			family: unix.AF_RXRPC, kind: unix.SOCK_DGRAM, protocol: family, control: callID,
			to:   func(a Aim) []byte { return rxrpc(1, netip.AddrPortFrom(p.value(a), 7001)) },
			from: func(Aim) []byte { return rxrpc(0, netip.AddrPortFrom(wild, 0)) },
		}})
	}
	for _, k := range []named[int]{{"reliable datagrams", unix.SOCK_RDM}, {"datagrams", unix.SOCK_DGRAM}, {"sequenced", unix.SOCK_SEQPACKET}, {"stream", unix.SOCK_STREAM}} {
		table = append(table, named[besideSocket]{"TIPC: " + k.name + " to a name", besideSocket{family: unix.AF_TIPC, kind: k.value, to: message(2)}})
	}
	return append(table, named[besideSocket]{"TIPC: multicast to names", besideSocket{family: unix.AF_TIPC, kind: unix.SOCK_RDM, to: message(1)}})
}

// remoteFamilies lead to other devices, other machines, or the kernel.
func remoteFamilies() []named[besideSocket] {
	var table []named[besideSocket]
	add := func(name string, family, kind, protocol int, to func(a Aim) []byte) {
		table = append(table, named[besideSocket]{name, besideSocket{family: family, kind: kind, protocol: protocol, to: to}})
	}
	host := exact(unix.AF_VSOCK, []byte{0, 0}, native32(1024, 2), make([]byte, 4)) // the hypervisor, port 1024
	add("vsock: stream to the hypervisor", unix.AF_VSOCK, unix.SOCK_STREAM, 0, host)
	add("vsock: datagram to the hypervisor", unix.AF_VSOCK, unix.SOCK_DGRAM, 0, host)
	add("vsock: sequenced to the hypervisor", unix.AF_VSOCK, unix.SOCK_SEQPACKET, 0, host)
	for protocol, name := range []string{"L2CAP", "HCI", "SCO", "RFCOMM", "BNEP", "CMTP", "HIDP", "AVDTP", "ISO"} {
		kind := []int{unix.SOCK_SEQPACKET, unix.SOCK_RAW, unix.SOCK_SEQPACKET, unix.SOCK_STREAM, unix.SOCK_RAW, unix.SOCK_RAW, unix.SOCK_RAW, unix.SOCK_RAW, unix.SOCK_SEQPACKET}[protocol]
		add("Bluetooth: "+name, unix.AF_BLUETOOTH, kind, protocol, fixed(unix.AF_BLUETOOTH))
	}
	add("ATM: permanent circuit", unix.AF_ATMPVC, unix.SOCK_DGRAM, 0, exact(unix.AF_ATMPVC, []byte{0, 0, 0, 0, 0, 0}, native32(42)))
	add("ATM: switched circuit", unix.AF_ATMSVC, unix.SOCK_DGRAM, 0, fixed(unix.AF_ATMSVC))
	add("NFC: raw", unix.AF_NFC, unix.SOCK_SEQPACKET, 0, exact(unix.AF_NFC, []byte{0, 0}, native32(0, 0, 1)))
	add("NFC: LLCP", unix.AF_NFC, unix.SOCK_STREAM, 1, fixed(unix.AF_NFC))
	add("ISDN", unix.AF_ISDN, unix.SOCK_RAW, 0, fixed(unix.AF_ISDN))
	add("IUCV", unix.AF_IUCV, unix.SOCK_STREAM, 0, fixed(unix.AF_IUCV))
	add("IPsec's keys", unix.AF_KEY, unix.SOCK_RAW, 2, fixed(unix.AF_KEY))
	add("the kernel's ciphers", unix.AF_ALG, unix.SOCK_SEQPACKET, 0, exact(unix.AF_ALG, padded(14, []byte("hash")), make([]byte, 8), padded(64, []byte("sha256"))))
	return table
}

// l2tpSession makes a tunnel out of an ordinary UDP socket and sends through a session in it.
func l2tpSession(a Aim) error {
	to := a.far(1701)
	return datagram(a, func(udp int) (netip.AddrPort, error) {
		if err := connect(udp, sockaddr(to)); err != nil {
			return to, err
		}
		tunnel, err := unix.Socket(unix.AF_PPPOX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, pppoxL2TP)
		if err != nil {
			return to, os.NewSyscallError("socket", err)
		}
		defer unix.Close(tunnel)
		made := callAddress(unix.SYS_CONNECT, tunnel, pppol2tp(udp, to, 0))
		session := besideSocket{
			family: unix.AF_PPPOX, kind: unix.SOCK_DGRAM, protocol: pppoxL2TP,
			to: func(Aim) []byte { return pppol2tp(udp, to, 3) },
		}
		return to, errors.Join(made, session.try(a))
	})
}
