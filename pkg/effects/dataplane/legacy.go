package dataplane

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/iptables"
)

// Of linux/netfilter_ipv4/ip_tables.h, which ip6_tables.h shares: the options by which a table is read, and the sizes of what they return.
const (
	getInfo, getEntries = 64, 65
	nameSize            = 32
	infoSize            = nameSize + 13*4 // the name, hooks, entries of the chains, and, last, how many bytes the rules have
	headSize            = nameSize + 8    // of getEntries: the name, that number, padding
	// largestTable bounds the bytes of one table: a planned one has some 20 KiB.
	largestTable = 1 << 20
)

// layout is where the fields of a rule are.
type layout struct {
	domain, level, next, counters, size int
}

// layoutOf is struct ipt_entry, or struct ip6t_entry.
func layoutOf(f iptables.Family) layout {
	if f == iptables.V6 {
		return layout{domain: unix.AF_INET6, level: unix.IPPROTO_IPV6, next: 142, counters: 152, size: 168}
	}
	return layout{domain: unix.AF_INET, level: unix.IPPROTO_IP, next: 90, counters: 96, size: 112}
}

// hashTables adds the tables of a family in the calling thread's network namespace to a hash: their names, hooks and rules, as the kernel keeps
// them, with counters of zero. A match whose state the kernel shows makes the hash differ, so that the rules are read again. The packets of the rules
// that have a name are added to those of the same name.
func hashTables(sum hash.Hash, packets iptables.Drops, f iptables.Family) error {
	names, err := legacyTables(f)
	if err != nil {
		return err
	}
	at := layoutOf(f)
	socket, err := unix.Socket(at.domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket for the tables of %s: %w", f, err)
	}
	defer unix.Close(socket)
	fmt.Fprintf(sum, "%s %d\n", f, len(names))
	for _, name := range names {
		info, rules, err := at.read(socket, name)
		if err == nil {
			err = at.takeCounters(rules, packets)
		}
		if err != nil {
			return fmt.Errorf("read table %s of %s: %w", name, f, err)
		}
		sum.Write(info)
		sum.Write(rules)
	}
	return nil
}

// legacyTables lists the tables of the calling thread's network namespace. To ask for any other would make the kernel create it.
func legacyTables(f iptables.Family) ([]string, error) {
	file := "ip_tables_names"
	if f == iptables.V6 {
		file = "ip6_tables_names"
	}
	text, err := os.ReadFile("/proc/thread-self/net/" + file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the kernel has not loaded the backend
	}
	names := strings.Fields(string(text))
	slices.Sort(names)
	return names, err
}

// read returns a table's description and its rules.
func (l layout) read(socket int, name string) (info, rules []byte, err error) {
	info = make([]byte, infoSize)
	if copy(info[:nameSize-1], name) < len(name) {
		return nil, nil, errors.New("its name is too long")
	}
	if err := getsockopt(socket, l.level, getInfo, info); err != nil {
		return nil, nil, err
	}
	size := binary.NativeEndian.Uint32(info[infoSize-4:])
	if size > largestTable {
		return nil, nil, fmt.Errorf("it has %d bytes, more than %d", size, largestTable)
	}
	answer := make([]byte, headSize+size)
	copy(answer, info[:nameSize])
	binary.NativeEndian.PutUint32(answer[nameSize:], size)
	return info, answer[headSize:], getsockopt(socket, l.level, getEntries, answer)
}

// takeCounters adds the packets of rules to those of their names, and sets their counters to zero.
func (l layout) takeCounters(rules []byte, packets iptables.Drops) error {
	for len(rules) > 0 {
		if len(rules) < l.size {
			return errors.New("a rule is shorter than its head")
		}
		next := int(binary.NativeEndian.Uint16(rules[l.next:]))
		if next < l.size || next > len(rules) {
			return fmt.Errorf("a rule has %d bytes, of %d", next, len(rules))
		}
		if name := l.comment(rules[:next]); name != "" {
			packets[name] += binary.NativeEndian.Uint64(rules[l.counters:])
		}
		clear(rules[l.counters:l.size])
		rules = rules[next:]
	}
	return nil
}

// comment returns the text of a rule's first match "comment"; empty: it has none.
func (l layout) comment(rule []byte) string {
	const head = 32 // of a match: its size, its name, its revision
	end := min(int(binary.NativeEndian.Uint16(rule[l.next-2:])), len(rule))
	for matches := rule[l.size:max(l.size, end)]; len(matches) >= head; {
		size := int(binary.NativeEndian.Uint16(matches))
		if size < head || size > len(matches) {
			return ""
		}
		if name, _, _ := bytes.Cut(matches[2:head-1], []byte{0}); string(name) == "comment" {
			text, _, _ := bytes.Cut(matches[head:size], []byte{0})
			return string(text)
		}
		matches = matches[size:]
	}
	return ""
}

// getsockopt has the kernel read and fill the whole value.
func getsockopt(socket, level, option int, value []byte) error {
	size := uint32(len(value)) //nolint:gosec // at most largestTable and the head
	_, _, failed := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(socket), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(unsafe.SliceData(value))), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // the call wants pointers
	if failed != 0 {
		return failed
	}
	if int(size) != len(value) {
		return fmt.Errorf("the kernel returned %d bytes, not %d", size, len(value))
	}
	return nil
}
