//go:build tools

// Package containerd pins the container runtime that the lab runs. It has a module of its own, since it needs newer
// Kubernetes libraries than the Kubernetes that the lab runs.
package containerd

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
)
