// Package factrate decides which facts are recorded one by one and which are only counted, so that a pod that makes something happen again
// and again neither fills the record nor hides what happens to other pods.
package factrate
