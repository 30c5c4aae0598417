// Package node is the node of a foreign pod on a stock kernel. Its test, built with the tag vm, runs in the virtual machine
// that package kernels boots. It attacks a pod from a container of a real runtime, first while nothing guards the pod, then
// with each of the defences, and notes what came out of the pod each time.
package node
