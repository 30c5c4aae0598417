package nri

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/containerd/nri/pkg/api"
)

// UsualSocket is where runtimes listen for NRI plugins.
const UsualSocket = "/var/run/nri/nri.sock"

// Pod is a pod sandbox as the runtime hands it on.
type Pod struct {
	ID                   string
	Namespace, Name, UID string
	Annotations          map[string]string
	Netns                string // path as the runtime sees it; empty: the node's own
	IPs                  []netip.Addr
}

// Container is a container of a sandbox. PID is 0 while it has no process.
type Container struct {
	ID, Sandbox, Name string
	PID               int
}

// Handler receives the runtime's pods and containers. The runtime waits for each answer, and meanwhile sends no other event to any
// plugin, because it holds one lock for all plugins. The context ends when the runtime would time out.
type Handler interface {
	// Connected hands on all that runs, after each (re)connection.
	Connected([]Pod, []Container)
	// Made is called when a sandbox's network is there. An error fails the sandbox.
	Made(context.Context, Pod) error
	// Starting is called when a container's process exists and has not run yet. An error fails the start.
	Starting(context.Context, Pod, Container) error
	// Ended is called when a container has stopped or is removed.
	Ended(Container)
}

// plugin passes the stub's calls on in our words. The stub finds its methods by their names.
type plugin struct {
	handler Handler
	live    *atomic.Bool
	within  func(context.Context) (context.Context, context.CancelFunc)
}

// Synchronize is the first call after a connection.
func (p *plugin) Synchronize(_ context.Context, pods []*api.PodSandbox, containers []*api.Container) ([]*api.ContainerUpdate, error) {
	p.live.Store(true)
	var boxes []Pod
	for _, pod := range pods {
		boxes = append(boxes, podOf(pod))
	}
	var all []Container
	for _, c := range containers {
		all = append(all, containerOf(c))
	}
	p.handler.Connected(boxes, all)
	return nil, nil
}

// RunPodSandbox announces a sandbox whose network is there.
func (p *plugin) RunPodSandbox(ctx context.Context, pod *api.PodSandbox) error {
	ctx, cancel := p.within(ctx)
	defer cancel()
	return p.handler.Made(ctx, podOf(pod))
}

// StartContainer announces a container whose process waits for its start.
func (p *plugin) StartContainer(ctx context.Context, pod *api.PodSandbox, c *api.Container) error {
	ctx, cancel := p.within(ctx)
	defer cancel()
	return p.handler.Starting(ctx, podOf(pod), containerOf(c))
}

// StopContainer announces a container that has stopped.
func (p *plugin) StopContainer(_ context.Context, _ *api.PodSandbox, c *api.Container) ([]*api.ContainerUpdate, error) {
	p.handler.Ended(containerOf(c))
	return nil, nil
}

// RemoveContainer announces a container that is gone.
func (p *plugin) RemoveContainer(_ context.Context, _ *api.PodSandbox, c *api.Container) error {
	p.handler.Ended(containerOf(c))
	return nil
}

func podOf(p *api.PodSandbox) Pod {
	out := Pod{
		ID: p.GetId(), Namespace: p.GetNamespace(), Name: p.GetName(), UID: p.GetUid(), Annotations: p.GetAnnotations(),
	}
	for _, n := range p.GetLinux().GetNamespaces() {
		if n.GetType() == "network" {
			out.Netns = n.GetPath()
		}
	}
	for _, text := range p.GetIps() {
		if ip, err := netip.ParseAddr(text); err == nil {
			out.IPs = append(out.IPs, ip.Unmap())
		}
	}
	return out
}

func containerOf(c *api.Container) Container {
	return Container{ID: c.GetId(), Sandbox: c.GetPodSandboxId(), Name: c.GetName(), PID: int(c.GetPid())}
}
