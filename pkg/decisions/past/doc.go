// Package past decides what NetworkPolicy made of a connection at a time of the past, from the facts of the nodes' logs: it builds the policies and
// the pods of that time again, and judges them as the agents do.
package past
