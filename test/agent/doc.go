// Package agent tests the agent against a real container runtime and a real kernel: containerd in a network namespace of
// its own, sandboxes made through CRI as the kubelet makes them.
package agent
