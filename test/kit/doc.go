// Package kit makes network namespaces, cgroups, processes in both, and captures for tests on a real kernel. The namespaces
// are like a pod's and its node's, the cgroups like a container's. Everything is gone when the test ends. It needs root, and
// fails without.
package kit
