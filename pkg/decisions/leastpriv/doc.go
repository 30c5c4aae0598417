// Package leastpriv decides the least-privilege NetworkPolicies of workloads: from the names in a workload's environment and arguments,
// from the Services and EndpointSlices that these names stand for, and from what the Hospital allows a guest.
package leastpriv
