// Package podwatch is the agent's view of the API server: the pods of its node, the labels of all namespaces, and the Events
// that it writes on pods. Both kinds are kept stripped.
package podwatch
