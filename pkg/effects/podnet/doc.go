// Package podnet keeps what the rules of a pod rely on, besides iptables, in the pod's network namespace: kernel parameters (ip-sysctl)
// and local routes (ip-route(8)).
package podnet
