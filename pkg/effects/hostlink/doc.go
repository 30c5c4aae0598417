// Package hostlink filters frames on the links of pods with chains of nftables: on both ends of every foreign pod's link it lets
// IPv4, IPv6 and ARP pass (frame filter), and on the node's end of a quarantined pod's link next to nothing (wall). Both see every
// frame, also those that no rule of iptables in the pod's own network namespace sees.
package hostlink
