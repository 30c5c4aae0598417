// Package assign decides for each pod of a node whether its network namespace is to be enforced, and which of its
// containers is the proxy.
package assign
