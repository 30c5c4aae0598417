// Package sockets ends connections that are older than a pod's rules (sock_diag(7)), and marks the sockets with which a
// proxy listens (pidfd_getfd(2), SO_MARK). Both are sockets of other processes.
package sockets
