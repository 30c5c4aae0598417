// Package policywatch reports what NetworkPolicy is about as the API server has it: pods, namespaces and policies of the
// whole cluster, as changes. It streams lists, decodes of each object only what is needed, and keeps no object and no key.
package policywatch
