// Package iptables holds iptables rulesets as values: it renders the input of iptables-restore(8) and parses the output of
// iptables-save(8). It does no I/O; values are safe for concurrent reading.
package iptables
