package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// generation asks the kernel in the calling thread's network namespace.
func generation() (uint32, error) {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, 0)
	request.AddData(&nl.Nfgenmsg{})
	answers, err := request.Execute(unix.NETLINK_NETFILTER, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN)
	if err != nil {
		return 0, fmt.Errorf("generation of nf_tables: %w", err)
	}
	for _, answer := range answers {
		attributes, err := nl.ParseRouteAttr(answer[min(len(answer), nl.SizeofNfgenmsg):])
		if err != nil {
			return 0, fmt.Errorf("generation of nf_tables: %w", err)
		}
		at := slices.IndexFunc(attributes, func(a syscall.NetlinkRouteAttr) bool { return a.Attr.Type == unix.NFTA_GEN_ID })
		if at >= 0 && len(attributes[at].Value) == 4 {
			return binary.BigEndian.Uint32(attributes[at].Value), nil
		}
	}
	return 0, errors.New("generation of nf_tables: the kernel's answer has none")
}
