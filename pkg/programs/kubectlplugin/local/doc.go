// Package local asks the agent of the node on which "kubectl dataspace" runs, by the agent's unix socket, in place of the agents of all nodes
// through the API server.
package local
