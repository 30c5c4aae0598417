// Package resolver decides what the guests' resolver answers: the cluster's own names, those of domains that the Hospital
// lists, and "no such name" for all others, each with a line in its log that says which pod asked.
package resolver
