// Package nodeoffers labels the nodes whose agent is ready, so that foreign pods are scheduled there and nowhere else. It goes by the Leases
// that the agents renew, and withdraws a node when its agent has been silent for the Lease's duration.
package nodeoffers
