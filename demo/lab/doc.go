// Command lab runs a real two-node Kubernetes inside namespaces of this machine, to try Data Spacer on.
package main
