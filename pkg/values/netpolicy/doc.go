// Package netpolicy holds what NetworkPolicy is about as typed values: pods, namespaces and policies, read from the API's
// objects once, at the edge. What a value does not understand it closes, and says so. It does no I/O.
package netpolicy
