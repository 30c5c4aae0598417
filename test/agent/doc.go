// Package agent tests the agent with a real container runtime and a real kernel. containerd runs in a network namespace of
// its own, and sandboxes are made through CRI as the kubelet makes them.
package agent
