// Package netpol tests NetworkPolicy on the node end to end: what the API says, what the planner decides and what the
// kernel does with real packets. The packages below it are the instruments.
package netpol
