// Package podnet sets the kernel parameters (ip-sysctl) and local routes (ip-route(8)) that the rules rely on in a pod's
// network namespace.
package podnet
