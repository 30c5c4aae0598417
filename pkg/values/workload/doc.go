// Package workload holds the pods of one node as the API server and the container runtime report them, reduced to what
// enforcement depends on.
package workload
