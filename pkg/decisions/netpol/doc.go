// Package netpol decides the chains and IP sets that enforce NetworkPolicy (networking.k8s.io/v1) for a node's pods. It
// keeps an index of pods, namespaces and policies, and turns each change into the smallest change of chains and sets. It is
// pure: the same objects in any order give the same chains and sets.
//
// Shape of the rules: FORWARD and INPUT jump to own chains. There, a packet that opens a connection is judged as egress
// of the pod that it comes from and as ingress of the pod that it goes to, each with a mark bit of its own, cleared at
// entry. A tree over the low bits of the address leads to the pod's chain; it calls one chain per policy until one
// allows; if none does, the packet is logged and refused. What is allowed RETURNs: the node's other rules still apply.
package netpol
