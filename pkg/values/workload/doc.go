// Package workload holds what the API server and the container runtime say of the pods of one node, reduced to what
// decides over their enforcement.
package workload
