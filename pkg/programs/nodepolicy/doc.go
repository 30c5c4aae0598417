// Package nodepolicy has the node's filter follow the cluster's NetworkPolicies: it passes on what the API server tells,
// looks at what the kernel holds from time to time, ends connections that are forbidden since, and says all of it.
package nodepolicy
