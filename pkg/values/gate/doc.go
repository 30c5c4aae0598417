// Package gate holds the protocol between the CNI plugin and the agent, and the namespace cache that the agent leaves on the
// node. While a pod's start is held, the plugin sends one request and the agent at most two answers, each a line of JSON.
package gate
