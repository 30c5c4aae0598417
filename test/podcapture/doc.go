// Package podcapture captures a pod's traffic on the node's end of its veth, and decides whether anything but the proxy's sockets
// sent it. It asks the kernel which sockets the flows belong to.
package podcapture
