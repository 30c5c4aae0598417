// Package policywatch streams changes of all pods, namespaces and NetworkPolicies of the cluster from the API server. It
// streams lists, decodes of each object only what is needed, and keeps no object and no key. It streams lists, decodes of
// each object only what is needed, and keeps no object and no key.
package policywatch
