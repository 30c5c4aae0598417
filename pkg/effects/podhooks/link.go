package podhooks

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/hostlink"
)

func program(what string) drift.Finding {
	return drift.Finding{Family: "ip", Kind: drift.Unexpected, Where: where, What: what}
}

// link returns the link if it is up, and the programs that see its frames. A link that is down carries nothing, and modules of the kernel
// make some in every network namespace.
func link(l netlink.Link) (found []stranger) {
	a := l.Attrs()
	if a.Flags&net.FlagUp != 0 && a.Flags&net.FlagLoopback == 0 {
		found = append(found, stranger{
			Finding: program(fmt.Sprintf("link %s (%s, %d) is up", a.Name, l.Type(), a.Index)),
			key:     fmt.Sprintf("link %d", a.Index), remove: func() error { return netlink.LinkSetDown(l) },
		})
	}
	if a.Xdp != nil && a.Xdp.Attached {
		found = append(found, stranger{
			Finding: program(fmt.Sprintf("program of XDP on link %s", a.Name)), key: fmt.Sprintf("xdp %d", a.Index), remove: func() error { return detachXDP(l) },
		})
	}
	if in, out := hostlink.TCX(a.Index); in || out {
		found = append(found, stranger{
			Finding: program(fmt.Sprintf("program of tcx on link %s", a.Name)), key: fmt.Sprintf("tcx %d", a.Index),
			remove: func() error { return errors.New("the program that attached it holds it") },
		})
	}
	return found
}

// detachXDP takes the programs of XDP off. The kernel refuses it for a program that a bpf_link holds.
func detachXDP(l netlink.Link) error {
	for _, mode := range []int{unix.XDP_FLAGS_SKB_MODE, unix.XDP_FLAGS_DRV_MODE, unix.XDP_FLAGS_HW_MODE} {
		_ = netlink.LinkSetXdpFdWithFlags(l, -1, mode) // what is left is read below
	}
	now, err := netlink.LinkByIndex(l.Attrs().Index)
	if err == nil && now.Attrs().Xdp != nil && now.Attrs().Xdp.Attached {
		err = errors.New("the kernel still has it")
	}
	return err
}
