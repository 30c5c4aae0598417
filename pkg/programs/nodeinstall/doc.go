// Package nodeinstall has what the start gate puts on its node and takes off it again: the CNI plugin with its entry in the runtime's
// chain, and the folder of the seccomp profile. The agent keeps them there while it runs; install-cni and uninstall-cni do it once.
package nodeinstall
