// Package facts records what happens on the node: it takes facts from the agent's parts, bounds how many of a kind are recorded one by one,
// writes them into the node's transparency log, and serves, verifies, proves and exports that log.
package facts
