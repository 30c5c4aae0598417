// Package netpol decides the chains and IP sets that enforce NetworkPolicy (networking.k8s.io/v1) for a node's pods. It
// keeps an index of pods, namespaces and policies, and turns each change into the smallest change of chains and sets. It is
// pure: the same objects give the same chains and sets, in whatever order they were added.
//
// Shape of the rules: FORWARD and INPUT jump to own chains. A packet that opens a connection is evaluated as egress of the
// sending pod and as ingress of the receiving pod. Each direction has a mark bit, which is cleared at entry. A tree over the
// low bits of the address leads to the pod's chain. The pod's chain jumps to one chain per policy until one allows the
// packet. If none does, the packet is logged and refused. An allowed packet RETURNs, so the node's other rules still apply.
package netpol
