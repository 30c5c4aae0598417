// Package nri is a plugin of the container runtime (Node Resource Interface: containerd, CRI-O): the runtime announces each
// pod sandbox before it counts as made, and each container before its first instruction, and waits for an answer.
package nri
