// Package guestnet decides which traffic the section network of a GuestPolicy opens: its rules as those of a NetworkPolicy, without the
// addresses, ports and namespaces that a GuestPolicy never opens.
package guestnet
