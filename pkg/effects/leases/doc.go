// Package leases writes the Lease by which an agent vouches for its node.
package leases
