// Package podwatch is the agent's view of the API server: the pods of its node, the namespaces that belong to guests, and
// the Events that it writes on them. Both kinds are watched narrowed and kept stripped.
package podwatch
