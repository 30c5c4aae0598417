// Package kernel tests what the rules do to packets: in a real kernel, with real sockets and cgroups, and a capture of the
// link. Envoy is played by a process that listens where Envoy does.
package kernel
