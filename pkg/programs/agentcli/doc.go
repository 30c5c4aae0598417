// Package agentcli asks the agent of a node by its local sockets, prints what it answers, and removes what an agent has left on
// the node.
package agentcli
