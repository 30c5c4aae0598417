// Package workloads keeps the least-privilege NetworkPolicies of workloads: it follows what they depend on, and writes what leastpriv decides.
package workloads
