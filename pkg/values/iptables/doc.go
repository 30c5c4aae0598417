// Package iptables holds rulesets as values: it renders the text that iptables-restore reads and reads the text that
// iptables-save prints (iptables-restore(8), iptables-save(8)). It does no I/O; values are safe for concurrent reading.
package iptables
