// Package sandbox asks the node's container runtime (CRI v1: containerd, CRI-O) which pod sandboxes and containers it
// runs, and finds their network namespaces and control groups. It never changes anything.
package sandbox
