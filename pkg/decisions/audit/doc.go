// Package audit judges whether every foreign pod of a cluster is contained, from the pods that the API server has and from what
// the agent of each node reads in its kernel. What neither confirms is a problem, never a silence.
package audit
