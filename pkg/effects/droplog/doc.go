// Package droplog reads the packets that rules in pods' network namespaces log before they drop them (NFLOG: nfnetlink_log of the kernel).
package droplog
