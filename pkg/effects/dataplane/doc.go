// Package dataplane writes a ruleset into a pod's network namespace, and reads back what the kernel holds. It runs the
// iptables programs of one backend: iptables-restore writes whole tables, each in one transaction, and the output of
// iptables-save is compared. The empty default-drop tables of a starting sandbox are written by netlink, since that is
// faster.
package dataplane
