// Package netpolicy holds pods, namespaces and NetworkPolicies as typed values, parsed once from the API's objects. A part
// of a policy that cannot be parsed allows no traffic, and is returned as an error. It does no I/O.
package netpolicy
