// Package hold decides whether a pod may start: now, after it has been enforced, or not yet. The agent and the CNI plugin
// use the same verdicts; they differ in what they know and in what they can do.
package hold
