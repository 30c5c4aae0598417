// Package assign decides for each pod of a node whether its network namespace is enforced, and which of its containers is
// the proxy.
package assign
