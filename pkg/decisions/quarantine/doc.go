// Package quarantine decides which foreign pods cannot be contained by rules in their network namespace, and which frames
// such a pod may still send. These are the answers to the kubelet's probes only.
package quarantine
