// Package crds tests the API of Data Spacer on a real API server: which GuestPolicies and ProtectedTaints it stores, and what it answers
// to those that contradict themselves.
package crds
