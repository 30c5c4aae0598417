// Package kubectlplugin is what "kubectl dataspace" does: it asks the agents of all nodes, by their own commands, and judges and
// prints what they answer.
package kubectlplugin
