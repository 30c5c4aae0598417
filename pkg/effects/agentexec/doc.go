// Package agentexec runs a command of the agents in their pods, through the API server. It asks for no more than the API server
// grants the caller: "list pods" and "create pods/exec" in the installation's namespace.
package agentexec
