// Package sockets ends connections of a network namespace that are older than its rules (sock_diag(7)).
package sockets
