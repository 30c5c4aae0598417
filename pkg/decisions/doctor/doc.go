// Package doctor finds what keeps Data Spacer from holding in a cluster, or leads past it, from observations of nodes, cluster and peering.
package doctor
