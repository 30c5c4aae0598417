// Package kit makes what kernel tests need: network namespaces like a pod's and its node's, cgroups like a container's,
// processes of the test binary inside of both, and a capture of the wire between them. Everything is gone when the test
// ends. It needs root, and fails without.
package kit
