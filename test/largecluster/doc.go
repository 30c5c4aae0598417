// Package largecluster stands in for the API server of a cluster of many pods: it streams lists and changes as a real one does,
// and keeps nothing. What a node's agent costs there is measured against it.
package largecluster
