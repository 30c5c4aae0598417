// Package podisolation keeps apart what the rules in a pod's network namespace cannot hold: it judges containers, filters a
// quarantined pod's link on the node's end, filters frames that are not IP, and ends connections that are older than the rules.
package podisolation
