//go:build tools

// Package crio pins the second container runtime that tests run. It has a module of its own, since it needs other versions
// of what containerd needs too.
package crio

import _ "github.com/cri-o/cri-o/cmd/crio"
