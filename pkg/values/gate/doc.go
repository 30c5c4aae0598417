// Package gate is what the CNI plugin and the agent say to each other while a pod's start is held: one request, at most
// two answers, each a line of JSON; and the list of namespaces that the agent leaves on the node for when it is gone.
package gate
