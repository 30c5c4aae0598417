// Package nodefilter makes the node's own network namespace hold what pkg/decisions/netpol decided: own chains in the
// filter table, own IP sets, and a jump to the chains at the top of built-in ones. It touches nothing else: chains are
// written with iptables-restore --noflush, sets one by one, and both are known by their prefix.
package nodefilter
