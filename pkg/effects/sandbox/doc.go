// Package sandbox is the client of the node's container runtime (CRI v1: containerd, CRI-O): it lists pod sandboxes and
// containers, with their network namespaces and control groups. It changes containers in two cases only: Stop stops a
// container that would undo a quarantine, and Kill kills a first process that has not run its first instruction.
package sandbox
