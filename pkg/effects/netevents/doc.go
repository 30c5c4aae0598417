// Package netevents reports that the nftables rules or the links of a pod's network namespace may have changed, when the kernel
// notifies it (netlink(7): the multicast groups of nf_tables and of rtnetlink).
package netevents
