// Package iptables holds iptables rules as values. A planned Ruleset is made of typed matches and targets, which render both
// the words of iptables-restore(8) and English prose. A Saved ruleset is what iptables-save(8) printed: the kernel's own
// words, read by ParseSave and by nothing else. The package does no I/O; values are safe for concurrent reading.
package iptables
