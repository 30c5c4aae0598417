// Package noderules keeps the node's filter as the cluster's NetworkPolicies say: it notes changes in the index of policies, writes
// what follows from them, and makes the kernel whole again where a write failed or another program changed it.
package noderules
