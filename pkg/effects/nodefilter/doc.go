// Package nodefilter writes NetworkPolicy's chains, IP sets and jumps (pkg/decisions/netpol) into the node's own network
// namespace. The chains are in the filter table, and the jumps are at the top of built-in chains. It touches nothing else:
// chains are written with iptables-restore --noflush, sets one by one, and both are known by their prefix.
package nodefilter
