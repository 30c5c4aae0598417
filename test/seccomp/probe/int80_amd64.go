package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// int80 makes a system call of i386, which every process of amd64 can.
func int80(number, a, b, c uint32) int32

// ended is the exit status when the calling thread was ended.
const ended = 7

// i386 makes a socket by the calls of i386: socket and socketcall, whose arguments lie in memory below 4 GiB.
func i386() error {
	const socket, socketcall, makeSocket, below4G = 359, 102, 1, 0x40
	memory, err := unix.MmapPtr(-1, 0, nil, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|below4G)
	if err != nil {
		return err
	}
	*(*[3]uint32)(memory) = [3]uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC} // one that the profile refuses
	time.AfterFunc(time.Second, func() { unix.Exit(ended) })                                // the kernel ends the thread that makes the call
	fmt.Println("socket", int80(socket, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC))
	fmt.Println("socketcall", int80(socketcall, makeSocket, uint32(uintptr(memory)), 0)) //nolint:gosec // below 4 GiB
	return nil
}
