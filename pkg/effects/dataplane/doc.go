// Package dataplane makes the kernel hold a ruleset in a network namespace, and reads back what it holds. It wraps the
// iptables programs of one backend: rules are written whole tables at a time with iptables-restore (atomic per table)
// and judged by what iptables-save prints.
package dataplane
