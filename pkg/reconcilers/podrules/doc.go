// Package podrules keeps the rules of each foreign pod's network namespace as planned. It locks, plans, writes, reads back and
// remembers one sandbox at a time, and binds the rules to the pod's proxy.
package podrules
