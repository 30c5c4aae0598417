// Package quarantine decides which foreign pods the rules in their network namespace cannot hold, and what such a pod may
// still say to its node: nothing but the answers to the kubelet's probes.
package quarantine
