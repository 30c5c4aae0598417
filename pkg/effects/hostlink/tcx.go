package hostlink

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpfProgQuery is BPF_PROG_QUERY, bpfTCXIngress BPF_TCX_INGRESS of linux/bpf.h.
const (
	bpfProgQuery  = 16
	bpfTCXIngress = 46
)

// progQuery is the part of union bpf_attr that the command reads (query).
type progQuery struct {
	ifindex, kind, flags, attached uint32
	programs                       uint64
	count                          uint32
	_                              uint32
	_                              [4]uint64
}

// tcx reports whether BPF programs of the newer kind, which no queueing discipline shows, see the frames that come in. A
// kernel that does not know the question has none.
func tcx(ifindex int) bool {
	q := &progQuery{ifindex: uint32(ifindex), kind: bpfTCXIngress}                                         //nolint:gosec // positive
	_, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgQuery, uintptr(unsafe.Pointer(q)), unsafe.Sizeof(*q)) //nolint:gosec // the call wants a pointer
	runtime.KeepAlive(q)
	return errno == 0 && q.count > 0
}
