// Package xtables runs the iptables and ipset programs in a network namespace, and detects which iptables backend a node uses.
package xtables
