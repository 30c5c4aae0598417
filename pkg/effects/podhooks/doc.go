// Package podhooks finds and removes what else may change a packet in a pod's network namespace than the tables that are planned there:
// tables of others in nf_tables, tables of the other iptables backend, programs of tc and XDP, and links that were moved in.
package podhooks
