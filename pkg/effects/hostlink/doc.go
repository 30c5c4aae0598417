// Package hostlink filters frames on the links of foreign pods with nftables chains. The frame filter on both ends of every
// foreign pod's link lets IPv4, IPv6 and ARP pass; the wall on the node's end of a quarantined pod's link lets only the
// answers to the kubelet's probes pass. Both see every frame, also those that no rule of iptables in the pod's own network
// namespace sees.
package hostlink
