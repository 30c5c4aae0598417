// Package seccompfile keeps the seccomp profile of foreign pods in the kubelet's folder for as long as the node is up.
package seccompfile
