// Package redirect decides the complete ruleset of a foreign pod's network namespace. Everything that leaves the pod was
// sent by its proxy's sockets, everything that arrives goes to its proxy, and all else is dropped and counted by reason.
//
// Identity is decided by what a tenant cannot forge: a socket is the proxy's if its cgroup is the proxy container's and
// its user is the proxy's. A connection of which such a socket has sent a packet is marked in conntrack (ct mark, which only
// netfilter can set); one that comes to the proxy's ports from outside bears another mark until then.
//
// A SYN+ACK shows neither a control group nor anything else of its listener that a tenant cannot choose, except the packet mark: SO_MARK
// takes CAP_NET_ADMIN or CAP_NET_RAW. So the agent sets SocketMark on the proxy's listeners once they exist. The packet mark
// decides over SYN+ACKs only, and only together with the user.
//
// The tables, in the order in which they must be written (a half-written state is a closed one):
//
//  1. filter: default DROP in every chain, the judgement.
//  2. mangle: POSTROUTING, the last look at the wire, after routing has been decided for good.
//  3. nat: routing only, never containment.
//
// RULES.md at the root of the repository shows every rule with its reason; build/rules writes it.
package redirect
