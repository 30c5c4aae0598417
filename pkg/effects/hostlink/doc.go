// Package hostlink puts a wall on the node's end of a pod's link: an ingress chain of nftables that sees every frame which
// the pod sends, also those that no rule in the pod's own network namespace sees.
package hostlink
