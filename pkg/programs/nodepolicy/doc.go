// Package nodepolicy keeps the node's filter in line with the cluster's NetworkPolicies. It applies changes from the API
// server, verifies at intervals what the kernel holds, ends connections that have become forbidden, and reports in log,
// Events and metrics.
package nodepolicy
