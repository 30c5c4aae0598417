package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// What linux/inet_diag.h and linux/sock_diag.h name.
const (
	attributesAt = headerSize + idSize + 20 // behind struct inet_diag_msg
	memoryAttr   = 7                        // INET_DIAG_SKMEMINFO
	cgroupAttr   = 21                       // INET_DIAG_CGROUP_ID, since Linux 5.8
	memoryFields = 8                        // of those, used: received, allocated in advance, to be sent, backlog
	holdNothing  = 1<<listening | 1<<timeWait | 1<<newSynRecv
)

// Held is a TCP socket and the memory that the kernel holds for it.
type Held struct {
	Bytes  int64
	family uint8
	id     []byte
}

// HeldBy lists the TCP sockets of a control group in the namespace, by the group's inode in the cgroup2 hierarchy. Those that were closed with
// something left to send are among them; those that listen are not. What it holds in memory does not grow with the sockets of other groups, which
// a tenant may have by the hundred thousand.
func HeldBy(ns *netns.Namespace, cgroup uint64) (all []Held, err error) {
	err = ns.Do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			each := func(s []byte) bool {
				if h, of := memoryOf(s); of == cgroup && cgroup != 0 {
					h.family, h.id = family, slices.Clone(s[headerSize:headerSize+idSize]) // s is a part of a large buffer
					all = append(all, h)
				}
				return true
			}
			asked := query(1<<(memoryAttr-1), holdNothing, nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, family, unix.IPPROTO_TCP, make([]byte, idSize))
			err := asked.ExecuteIter(unix.NETLINK_INET_DIAG, 0, each)
			if err != nil && !errors.Is(err, unix.ENOENT) { // the kernel has no such sockets
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what sockets hold: %w", err)
	}
	return all, nil
}

// Reset ends sockets: the owner gets ECONNABORTED, the other end a RST, and what was to be sent is dropped. It returns how many there still were.
// What was received is the owner's to read, or to drop by closing: Drain does not wait for it.
func Reset(ns *netns.Namespace, all []Held) (ended int, err error) {
	err = ns.Do(func() error {
		for _, h := range all {
			err := destroy(h.family, unix.IPPROTO_TCP, h.id)
			if errors.Is(err, unix.ENOENT) {
				continue // it has ended
			}
			if err != nil {
				return err
			}
			ended++
		}
		return nil
	})
	if err != nil {
		return ended, fmt.Errorf("reset connections: %w", err)
	}
	return ended, nil
}

// memoryOf returns what the kernel holds for the socket of a message, and the inode of its control group; 0: the message does not name it.
func memoryOf(message []byte) (h Held, cgroup uint64) {
	if len(message) < attributesAt {
		return h, 0
	}
	for at := attributesAt; at+4 <= len(message); {
		size, kind := int(binary.NativeEndian.Uint16(message[at:])), binary.NativeEndian.Uint16(message[at+2:])
		if size < 4 || at+size > len(message) {
			break
		}
		value := message[at+4 : at+size]
		switch {
		case kind == memoryAttr && len(value) >= 4*memoryFields:
			for _, field := range []int{0, 4, 5, 7} {
				h.Bytes += int64(binary.NativeEndian.Uint32(value[4*field:]))
			}
		case kind == cgroupAttr && len(value) >= 8:
			cgroup = binary.NativeEndian.Uint64(value)
		}
		at += (size + 3) &^ 3
	}
	return h, cgroup
}
