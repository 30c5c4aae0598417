// Package agentapi holds what an agent answers on its local socket, as versioned JSON: the status of foreign pods, the state of
// NetworkPolicy, and the explanation of a connection. The agent, its command line and tests share these types.
package agentapi
