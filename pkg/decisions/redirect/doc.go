// Package redirect decides the complete ruleset of a foreign pod's network namespace: everything that leaves the pod was
// sent by its proxy's sockets, everything that arrives goes to its proxy, and all else is dropped and counted by reason.
//
// Identity is decided by what a tenant cannot forge: a socket is the proxy's if its cgroup is the proxy container's and
// its user is the proxy's. A connection of which such a socket has sent a packet is marked in conntrack (ct mark, which only
// netfilter can set); one that comes to the proxy's ports from outside bears another mark until then. Packet marks, which
// CAP_NET_RAW can set, are never looked at.
//
// The tables, in the order in which they must be written (a half-written state is a closed one):
//
//  1. filter: default DROP in every chain, the judgement.
//  2. mangle: POSTROUTING, the last look at the wire, after routing has been decided for good.
//  3. nat: routing only, never containment.
//
//go:generate go run data-space.liqo.io/build/rules ../../../RULES.md
package redirect
