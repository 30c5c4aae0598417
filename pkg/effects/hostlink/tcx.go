package hostlink

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpfProgQuery is BPF_PROG_QUERY, bpfTCXIngress BPF_TCX_INGRESS of linux/bpf.h, and so on.
const (
	bpfProgQuery  = 16
	bpfTCXIngress = 46
	bpfTCXEgress  = 47
)

// progQuery is the part of union bpf_attr that the command reads (query).
type progQuery struct {
	ifindex, kind, flags, attached uint32
	programs                       uint64
	count                          uint32
	_                              uint32
	_                              [4]uint64
}

// TCX reports whether BPF programs of the newer kind, which no queueing discipline shows, see the frames that come in, and those that go out,
// on a link of the calling thread's network namespace. A kernel that does not know the question has none.
func TCX(ifindex int) (in, out bool) { return tcx(ifindex, bpfTCXIngress), tcx(ifindex, bpfTCXEgress) }

func tcx(ifindex int, kind uint32) bool {
	q := &progQuery{ifindex: uint32(ifindex), kind: kind}                                                  //nolint:gosec // positive
	_, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgQuery, uintptr(unsafe.Pointer(q)), unsafe.Sizeof(*q)) //nolint:gosec // the call wants a pointer
	runtime.KeepAlive(q)
	return errno == 0 && q.count > 0
}
