package droplog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Of linux/netfilter/nfnetlink_log.h: messages of the subsystem, and their attributes.
const (
	msgPacket, msgConfig                     = 0, 1
	attrPayload, attrPrefix                  = 9, 10
	configCommand, configMode, configBuffer  = 1, 2, 3
	configTimeout, configThreshold           = 4, 5
	commandBind                              = 1
	copyPacket                               = 2
	headSize, attributeHead, generalHeadSize = unix.SizeofNlMsghdr, unix.SizeofNlAttr, 4
)

const (
	// messageSize is how many bytes the kernel collects before it sends them, and room what the socket's buffer is asked to have: the kernel doubles it.
	messageSize, room = 4096, 32 << 10
	// readSize has room for a message: the kernel fills the memory that it gets for messageSize, which is more.
	readSize = 4 * messageSize
	// copied is how many bytes of each packet are read: headers.
	copied = 128
	// waitFor is after how long the kernel sends what it has collected, in hundredths of a second.
	waitFor = 50
	// threshold is after how many packets it sends it.
	threshold = 100
)

// open returns a socket that listens to a group in the calling thread's network namespace.
func open(group uint16) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, err
	}
	if err := bind(fd, group); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func bind(fd int, group uint16) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	if err := unix.Sendto(fd, request(group), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buffer := make([]byte, readSize)
	for { // packets may come before the answer, which is there since the request was sent
		n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		if err != nil {
			return fmt.Errorf("the kernel's answer: %w", err)
		}
		if n >= headSize+4 && binary.NativeEndian.Uint16(buffer[4:]) == unix.NLMSG_ERROR {
			if code := int32(binary.NativeEndian.Uint32(buffer[headSize:])); code < 0 { //nolint:gosec // a negative number
				return unix.Errno(-code)
			}
			return nil
		}
	}
}

// request asks the kernel for the beginning of each packet of the group, collected.
func request(group uint16) []byte {
	body := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, group)
	mode := append(binary.BigEndian.AppendUint32(nil, copied), copyPacket, 0)
	body = slices.Concat(body, attribute(configCommand, []byte{commandBind}), attribute(configMode, mode),
		attribute(configBuffer, binary.BigEndian.AppendUint32(nil, messageSize)), attribute(configTimeout, binary.BigEndian.AppendUint32(nil, waitFor)),
		attribute(configThreshold, binary.BigEndian.AppendUint32(nil, threshold)))
	head := binary.NativeEndian.AppendUint32(nil, uint32(headSize+len(body))) //nolint:gosec // some dozen bytes
	head = binary.NativeEndian.AppendUint16(head, unix.NFNL_SUBSYS_ULOG<<8|msgConfig)
	head = binary.NativeEndian.AppendUint16(head, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	return slices.Concat(head, make([]byte, 8), body) // the kernel chooses the port
}

func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(attributeHead+len(value))) //nolint:gosec // some bytes
	a = append(binary.NativeEndian.AppendUint16(a, kind), value...)
	return append(a, make([]byte, align(len(a))-len(a))...)
}

func align(n int) int { return (n + 3) &^ 3 }

// parse calls each with the packets of what was received at once.
func parse(data []byte, each func(Packet)) {
	for len(data) >= headSize {
		length := int(binary.NativeEndian.Uint32(data))
		if length < headSize || length > len(data) {
			return
		}
		if binary.NativeEndian.Uint16(data[4:]) == unix.NFNL_SUBSYS_ULOG<<8|msgPacket && length >= headSize+generalHeadSize {
			family := data[headSize]
			p := packet(data[headSize+generalHeadSize : length])
			if p.IPv6 = family == unix.AF_INET6; p.Prefix != "" && (p.IPv6 || family == unix.AF_INET) {
				each(p)
			}
		}
		data = data[min(align(length), len(data)):]
	}
}

// packet reads the attributes of a message.
func packet(attributes []byte) (p Packet) {
	for len(attributes) >= attributeHead {
		length := int(binary.NativeEndian.Uint16(attributes))
		if length < attributeHead || length > len(attributes) {
			return p
		}
		value := attributes[attributeHead:length]
		switch binary.NativeEndian.Uint16(attributes[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER) {
		case attrPayload:
			p.Bytes = value
		case attrPrefix:
			text, _, _ := bytes.Cut(value, []byte{0})
			p.Prefix = string(text)
		}
		attributes = attributes[min(align(length), len(attributes)):]
	}
	return p
}
