// Command lab runs a real two-node Kubernetes inside namespaces of this machine.
package main
