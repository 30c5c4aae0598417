// Package wire watches one pod's network from outside: it captures what passes the node's end of the pod's veth, asks
// the kernel whose sockets the flows belong to, and judges whether anything but the proxy's sockets sent.
package wire
