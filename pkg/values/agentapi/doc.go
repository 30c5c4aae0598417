// Package agentapi holds what an agent answers on its local socket, as versioned JSON: the status of foreign pods, the state of
// NetworkPolicy, and the explanation of a connection. The agent, its command line and tests share these types.
package agentapi

// Status is the whole answer of "agent status -o json": a part for each thing that the agent is told to enforce.
type Status struct {
	*NodeStatus
	NetworkPolicy *PolicyStatus `json:"networkPolicy,omitempty"`
}
