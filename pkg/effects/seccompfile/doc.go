// Package seccompfile keeps a seccomp profile where the kubelet of the node looks for it, for as long as the node is up.
package seccompfile
