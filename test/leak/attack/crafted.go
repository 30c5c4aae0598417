package attack

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// CraftedPrefix begins the names of the packets that no program would send. Each of them leaves a pod without rules, in each family that has it.
const CraftedPrefix = "a crafted packet: "

// OfTheOtherFamily is the error of an attempt that its family does not have.
const OfTheOtherFamily = "of the other family"

// crafted are packets with odd headers: chains of extension headers, options, lengths, versions, fragments in odd places.
func crafted() []Probe {
	all := each(Raw, CraftedPrefix+"%s", slices.Concat(chains(), optionsOf4(), oddHeaders()), func(a Aim, build func(a Aim) []byte) error {
		packet := build(a)
		if packet == nil {
			return errors.New(OfTheOtherFamily)
		}
		return errors.Join(whole(a, packet), whole(a, packet, toInterface), whole(a, packet, nodefrag))
	})
	return append(all, Probe{CraftedPrefix + "fragments that overlap, the last first", Raw, overlappingBackwards})
}

// chains are IPv6 packets whose headers come in odd orders and numbers (RFC 8200).
func chains() []named[func(a Aim) []byte] {
	options := func(next byte) []byte { return []byte{next, 0, 0x1e, 4, 'l', 'e', 'a', 'k'} }
	empty := []byte{unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 0}
	long := append(slices.Repeat(options(unix.IPPROTO_DSTOPTS), 29), options(unix.IPPROTO_UDP)...)
	return []named[func(a Aim) []byte]{
		{"thirty extension headers", behind(unix.IPPROTO_DSTOPTS, long)},
		{"a jumbogram", sized(0, unix.IPPROTO_HOPOPTS, unix.IPPROTO_UDP, 0, 0xc2, 4, 0, 1, 0x11, 0x70)},
		{"routing, type 3", func(a Aim) []byte { return extended(a, unix.IPPROTO_ROUTING, routing(a, 3)) }},
		{"no payload by its length", sized(0)}, // in IPv4 the kernel writes the length (raw(7))
		{"a length that is too long", sized(9 << 8)},
		{"mobility", behind(135, empty)},
		{"host identity", behind(139, empty)},
		{"hop by hop twice", behind(unix.IPPROTO_HOPOPTS, options(unix.IPPROTO_HOPOPTS), options(unix.IPPROTO_UDP))},
		{"a first fragment without a transport header", behind(unix.IPPROTO_FRAGMENT, []byte{unix.IPPROTO_DSTOPTS, 0, 0, 1, 0, 0, 1, 1},
			options(unix.IPPROTO_DSTOPTS), options(unix.IPPROTO_DSTOPTS))},
		{"the one and only fragment behind options", behind(unix.IPPROTO_DSTOPTS, options(unix.IPPROTO_FRAGMENT), []byte{unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 1, 2})},
		{"two fragment headers", behind(unix.IPPROTO_FRAGMENT, []byte{unix.IPPROTO_FRAGMENT, 0, 0, 0, 0, 0, 1, 3}, []byte{unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 1, 3})},
		{"UDP behind AH", behind(unix.IPPROTO_AH, append([]byte{unix.IPPROTO_UDP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 12)...))},
		{"a neighbour advertisement with a nonce", discovery(136)},
		{"a neighbour solicitation with a nonce", discovery(135)},
	}
}

// behind makes a UDP packet behind extension headers, of which the first has that number.
func behind(first byte, headers ...[]byte) func(a Aim) []byte {
	return func(a Aim) []byte { return extended(a, first, slices.Concat(headers...)) }
}

// sized makes an IPv6 packet of UDP whose length is not its own; headers are those before UDP, after the number of the first.
func sized(length uint16, headers ...byte) func(a Aim) []byte {
	if len(headers) == 0 {
		headers = []byte{unix.IPPROTO_UDP}
	}
	return func(a Aim) []byte {
		b := behind(headers[0], headers[1:])(a)
		if b != nil {
			binary.BigEndian.PutUint16(b[4:], length)
		}
		return b
	}
}

// discovery makes a well-formed message of neighbour discovery, which carries 14 bytes in its nonce (RFC 3971).
func discovery(kind byte) func(a Aim) []byte {
	return func(a Aim) []byte {
		if !a.v6() {
			return nil
		}
		p := slices.Concat([]byte{kind, 0, 0, 0, 0xa0, 0, 0, 0}, a.Pod.AsSlice(), []byte{14, 2}, []byte(Secret)[:14])
		binary.BigEndian.PutUint16(p[2:], checksum(a.Pod, a.Far, unix.IPPROTO_ICMPV6, p))
		b := header6(a.Pod, a.Far, unix.IPPROTO_ICMPV6, p)
		b[7] = 255
		return b
	}
}

// optionsOf4 are IPv4 packets with options (RFC 791).
func optionsOf4() []named[func(a Aim) []byte] {
	return []named[func(a Aim) []byte]{
		{"record route", withOptions(slices.Concat([]byte{7, 15, 4}, make([]byte, 13)))},
		{"timestamp", withOptions(slices.Concat([]byte{68, 12, 5, 0}, make([]byte, 8)))},
		{"strict source route", func(a Aim) []byte {
			return withOptions(slices.Concat([]byte{137, 7, 4}, a.Far.AsSlice(), []byte{0}))(a)
		}},
		{"router alert", withOptions([]byte{148, 4, 0, 0})},
		{"an unknown option", withOptions([]byte{0xde, 8, 'l', 'e', 'a', 'k', 's', '!'})},
	}
}

// withOptions makes a UDP packet with options, which fill whole words.
func withOptions(options []byte) func(a Aim) []byte {
	return func(a Aim) []byte {
		if a.v6() {
			return nil
		}
		b := header4(a.Pod, a.Far, unix.IPPROTO_UDP, 0, slices.Concat(options, udpPacket(a, 4000, 9)))
		n := 20 + len(options)
		b[0] = 0x40 | byte(n/4) //nolint:gosec // at most 15
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], sum(b[:n]))
		return b
	}
}

// oddHeaders have one field of their header as it must not be, or nearly so.
func oddHeaders() []named[func(a Aim) []byte] {
	changed := func(change func(b []byte)) func(a Aim) []byte {
		return func(a Aim) []byte {
			b := header(a, a.Pod, unix.IPPROTO_UDP, udpPacket(a, 4000, 9))
			change(b)
			return b
		}
	}
	return []named[func(a Aim) []byte]{
		{"version 0", changed(func(b []byte) { b[0] &= 0x0f })},
		{"the other family's version", changed(func(b []byte) { b[0] ^= 0x20 })},
		{"no hop left", func(a Aim) []byte {
			b := header(a, a.Pod, unix.IPPROTO_UDP, udpPacket(a, 4000, 9))
			if a.v6() {
				b[7] = 0
			} else {
				b[8] = 0
			}
			return b
		}},
		{"protocol 255", func(a Aim) []byte { return header(a, a.Pod, 255, []byte(Secret)) }},
		{"a fragment at the end of the longest packet", func(a Aim) []byte { return fragment(a, unix.IPPROTO_UDP, 0x1fff, false, []byte(Secret)) }},
		{"a first fragment that must not be fragmented", func(a Aim) []byte {
			b := fragment(a, unix.IPPROTO_UDP, 0, true, udpPacket(a, 4000, 53))
			if !a.v6() {
				b[6] |= 0x40
			}
			return b
		}},
	}
}

// overlappingBackwards sends the last part of a datagram first, and each part overlaps the one before.
func overlappingBackwards(a Aim) error {
	text := append(udpPacket(a, 4000, 53), Secret...)
	return errors.Join(
		whole(a, fragment(a, unix.IPPROTO_UDP, 2, false, text[16:]), nodefrag),
		whole(a, fragment(a, unix.IPPROTO_UDP, 1, true, text[8:24]), nodefrag),
		whole(a, fragment(a, unix.IPPROTO_UDP, 0, true, text[:24]), nodefrag))
}
