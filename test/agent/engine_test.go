//go:build kernel || api || bench

package agent_test

import (
	"os/exec"
	"testing"
)

// engine is a container runtime that pods are run by.
type engine struct {
	name    string // as it calls itself
	program string
	flag    string // before the path of its configuration
	early   bool   // a container has its process from its making on, and not only from its start on
	cgroup  string // what stands between the pods' control group and a container's id

	configure func(n *node, dir string)
	// load is the command that makes an archive's image known.
	load func(n *node, dir, archive string) *exec.Cmd
	// open changes the configuration: the runtime calls CNI plugins in dir/bin too, and offers NRI at dir/nri.sock.
	open func(config, dir string) string
}

// onEach runs a test on each of the runtimes that we say we work with.
func onEach(t *testing.T, test func(*testing.T, engine)) {
	t.Helper()
	for _, e := range []engine{containerd(), crio()} {
		t.Run(e.name, func(t *testing.T) { test(t, e) })
	}
}
