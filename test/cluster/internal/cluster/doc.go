// Package cluster starts, inspects and removes the lab's cluster.
package cluster
