// Package nri connects the agent to the container runtime as an NRI plugin (Node Resource Interface: containerd, CRI-O). The
// runtime announces each pod sandbox before it counts as created, and each container before its first instruction, and waits
// for an answer.
package nri
