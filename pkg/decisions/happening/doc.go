// Package happening turns facts of a node's log and lines of its record of requests into events of one form, and adds them up: what was
// asked of whom, and what held a pod at a time.
package happening
