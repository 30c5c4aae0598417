// Package sockets reads and changes sockets of other processes: it ends the connections of a network namespace that are older than its
// rules (sock_diag(7)), and marks the sockets with which a process listens (pidfd_getfd(2), SO_MARK).
package sockets
