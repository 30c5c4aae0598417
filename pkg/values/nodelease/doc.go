// Package nodelease holds the Lease by which a ready agent vouches for its node, as the agent writes it and the controller
// reads it.
package nodelease
