// Package vouch decides when an agent renews its node's Lease, and which nodes the controller then offers to foreign pods.
package vouch
