package dataplane

import (
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// untouched reports whether the namespace has no table of the family at all, as a new one has: then there is nothing to
// save. It asks the kernel and starts no program. False may also mean that it could not tell.
func (b Backend) untouched(ns *netns.Namespace, f iptables.Family) bool {
	none := false
	err := ns.Do(func() (err error) {
		if b == Legacy {
			none, err = noLegacyTable(f)
		} else {
			none, err = noNftTable(f)
		}
		return err
	})
	return err == nil && none
}

// noLegacyTable reads the names of the tables that exist in the calling thread's network namespace.
func noLegacyTable(f iptables.Family) (bool, error) {
	name := "ip_tables_names"
	if f == iptables.V6 {
		name = "ip6_tables_names"
	}
	text, err := os.ReadFile("/proc/thread-self/net/" + name)
	return err == nil && strings.TrimSpace(string(text)) == "", err
}

// noNftTable lists the tables of a family in the calling thread's network namespace (NFT_MSG_GETTABLE of linux/netfilter/nf_tables.h).
func noNftTable(f iptables.Family) (bool, error) {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: nfproto(f), Version: nl.NFNETLINK_V0})
	tables, err := request.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return false, fmt.Errorf("list nftables tables: %w", err)
	}
	return len(tables) == 0, nil
}
