// Package hold decides whether a pod may start: at once, once it is enforced, or not now. The agent and the CNI plugin
// decide by the same words; they differ in what they know and in what they can do.
package hold
