// Package netpol tests NetworkPolicy on the node end to end: API objects, planned rules, and real packets in the kernel. The
// packages below it are the instruments.
package netpol
