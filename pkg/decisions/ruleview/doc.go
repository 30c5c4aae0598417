// Package ruleview pairs the rules that the kernel holds in a pod's network namespace with the reasons for which they were planned.
package ruleview
