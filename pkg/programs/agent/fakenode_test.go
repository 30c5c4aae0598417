package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// fakeNode plays the container runtime of a node.
type fakeNode struct {
	*kernel
	boxes  map[string]workload.Sandbox // all that were made, by id
	gone   map[string]bool             // those that have ended
	unseen map[string]bool             // those that the list does not show yet
	caps   map[string]workload.Capabilities
	pids   map[string]int
	inode  uint64 // of every network namespace
}

func newFakeNode(k *kernel) *fakeNode {
	n := &fakeNode{kernel: k, boxes: map[string]workload.Sandbox{}, gone: map[string]bool{}, unseen: map[string]bool{}, caps: map[string]workload.Capabilities{}, pids: map[string]int{}}
	if ns, err := netns.Own(); err == nil {
		n.inode = ns.Inode()
		_ = ns.Close()
	}
	return n
}

// boxOf returns the id of a pod's latest sandbox.
func (n *fakeNode) boxOf(pod string) (id string, made bool) {
	for i := 1; ; i++ {
		next := boxID(pod, i)
		if _, there := n.boxes[next]; !there {
			return id, made
		}
		id, made = next, true
	}
}

// nextBox returns the id of the sandbox that is made next.
func (n *fakeNode) nextBox(pod string) string {
	i := 1
	for ; n.boxes[boxID(pod, i)].ID != ""; i++ {
	}
	return boxID(pod, i)
}

func boxID(pod string, attempt int) string {
	_, name, _ := strings.Cut(pod, "/")
	return fmt.Sprintf("%s-box%d", name, attempt)
}

// setState changes the state of a container.
func (n *fakeNode) setState(box, container string, state workload.State) {
	b := n.boxes[box]
	b.Containers = slices.Clone(b.Containers)
	for i, c := range b.Containers {
		if c.ID == container {
			b.Containers[i].State = state
		}
	}
	n.boxes[box] = b
}

// containerID returns the id of a sandbox's container.
func containerID(box, name string, attempt int) string {
	return fmt.Sprintf("%s-%s%d", box, name, attempt)
}

// List implements Runtime.
func (n *fakeNode) List(context.Context) ([]workload.Sandbox, error) {
	var all []workload.Sandbox
	for _, id := range slices.Sorted(maps.Keys(n.boxes)) {
		if !n.unseen[id] && !n.gone[id] {
			all = append(all, n.boxes[id])
		}
	}
	return all, nil
}

// Sandbox implements Runtime.
func (n *fakeNode) Sandbox(_ context.Context, id string) (sandbox.Detail, error) {
	b, there := n.boxes[id]
	if !there || n.gone[id] {
		return sandbox.Detail{}, sandbox.ErrGone
	}
	return sandbox.Detail{Ready: b.Ready, Netns: ownNetns, IPs: []netip.Addr{podAddress}}, nil
}

const ownNetns = "/proc/self/ns/net"

var podAddress = netip.MustParseAddr("203.0.113.7")

// Process implements Runtime.
func (n *fakeNode) Process(_ context.Context, container string) (workload.Process, error) {
	return n.ProcessOf(container, n.pids[container])
}

// ProcessOf finds a container's first process.
func (n *fakeNode) ProcessOf(container string, pid int) (workload.Process, error) {
	for _, b := range n.boxes {
		for _, c := range b.Containers {
			if c.ID == container && c.State != workload.Exited && pid != 0 && !n.gone[b.ID] {
				return workload.Process{PID: pid, Cgroup: cgroup(b.UID, container), CgroupInode: uint64(pid)}, nil
			}
		}
	}
	return workload.Process{}, sandbox.ErrGone
}

// Watch implements Runtime.
func (n *fakeNode) Watch(context.Context, *atomic.Bool, func()) {}

// Kill ends a container's first process.
func (n *fakeNode) Kill(container string, _ int) error { return n.end(container) }

// Stop implements podisolation.Confiner.
func (n *fakeNode) Stop(_ context.Context, container string) error { return n.end(container) }

func (n *fakeNode) end(container string) error {
	for id, b := range n.boxes {
		if slices.ContainsFunc(b.Containers, func(c workload.Container) bool { return c.ID == container }) {
			n.setState(id, container, workload.Exited)
			return nil
		}
	}
	return errors.New("no such container")
}

// Confinement implements podisolation.Confiner.
func (n *fakeNode) Confinement(_ context.Context, container string) (workload.Confinement, error) {
	return n.ConfinementOf(n.pids[container])
}

// ConfinementOf implements podisolation.Confiner.
func (n *fakeNode) ConfinementOf(pid int) (workload.Confinement, error) {
	for id, p := range n.pids {
		if p == pid {
			return workload.Confinement{Bounding: n.caps[id], Net: n.inode, PID: uint64(1000 + pid), Process: pid}, nil
		}
	}
	return workload.Confinement{}, sandbox.ErrGone
}

// NodeProcesses implements podisolation.Confiner.
func (n *fakeNode) NodeProcesses() (uint64, error) { return 1, nil }

// proxies returns the ids of all proxies that a sandbox has had.
func (n *fakeNode) proxies(box string) []string {
	var all []string
	for _, c := range n.boxes[box].Containers {
		if c.Name == apis.ProxyContainerName {
			all = append(all, c.ID)
		}
	}
	return all
}
