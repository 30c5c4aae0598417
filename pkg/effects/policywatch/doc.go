// Package policywatch tells what NetworkPolicy is about as the API server has it: pods, namespaces and policies of the
// whole cluster, as changes. It keeps no object, only the keys of those that are there.
package policywatch
