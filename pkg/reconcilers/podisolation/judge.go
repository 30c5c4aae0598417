package podisolation

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
)

// Confiner is what the container runtime and the kernel report of containers.
type Confiner interface {
	// Confinement reads what a container may do. errors.Is sandbox.ErrGone if it is no longer there.
	Confinement(ctx context.Context, container string) (workload.Confinement, error)
	// ConfinementOf reads what a process may do.
	ConfinementOf(pid int) (workload.Confinement, error)
	// NodeProcesses returns the inode of the node's own PID namespace.
	NodeProcesses() (uint64, error)
	// Stop ends a container.
	Stop(ctx context.Context, container string) error
}

// judge finds why the rules cannot contain the pod.
func (q *Quarantine) judge(ctx context.Context, want assign.Assignment, t endpoint.Target, ns *netns.Namespace) ([]quarantine.Finding, error) {
	pod := quarantine.Pod{Runtime: t.Runtime, Net: ns.Inode(), ProxyMissing: want.Reason == assign.ProxyMissing}
	var err error
	if pod.UserNamespaced, err = q.parts.UserNamespaced(ns); err != nil {
		return nil, err
	}
	if pod.HostPID, err = q.parts.Runtime.NodeProcesses(); err != nil {
		return nil, err
	}
	for c := range want.Containers.All() {
		looked, err := q.examined.look(ctx, c)
		if errors.Is(err, sandbox.ErrGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: container %s: %w", t.Endpoint, c.Name, err)
		}
		pod.Containers = append(pod.Containers, looked)
	}
	return quarantine.Judge(pod, q.parts.Settings), nil
}

// BeforeStart finds why the rules cannot contain a container that has not run its first instruction: pid is its process, which has
// its bounding set already. proxy is the process of the pod's proxy; zero: none is known, or the container is the proxy.
func (q *Quarantine) BeforeStart(id, name string, pid int, proxy workload.Process) ([]quarantine.Finding, error) {
	if q == nil || pid == 0 {
		return nil, nil
	}
	seen, err := q.parts.Runtime.ConfinementOf(pid)
	if err != nil {
		return nil, err
	}
	pod := quarantine.Pod{Net: seen.Net, Containers: []quarantine.Container{{Confinement: seen, ID: id, Name: name}}}
	if pod.HostPID, err = q.parts.Runtime.NodeProcesses(); err != nil {
		return nil, err
	}
	if proxy.PID != 0 {
		if theirs, err := q.parts.Runtime.ConfinementOf(proxy.PID); err == nil {
			pod.Containers = append(pod.Containers, quarantine.Container{Confinement: theirs, Name: apis.ProxyContainerName})
		}
	}
	findings := quarantine.Judge(pod, q.parts.Settings)
	for i, f := range findings {
		if f.ID == id {
			return findings[i : i+1], nil
		}
	}
	return nil, nil
}

// examined is what was found of containers: of one that runs it does not change. It is safe for concurrent use.
type examined struct {
	runtime Confiner

	mu   sync.Mutex
	seen map[string]quarantine.Container // by id and state
}

// look examines a container, once in each of its states.
func (e *examined) look(ctx context.Context, c workload.Container) (quarantine.Container, error) {
	key := c.ID + string(c.State)
	e.mu.Lock()
	known, ok := e.seen[key]
	e.mu.Unlock()
	if ok {
		return known, nil
	}
	confinement, err := e.runtime.Confinement(ctx, c.ID)
	if err != nil {
		return quarantine.Container{}, err
	}
	looked := quarantine.Container{Confinement: confinement, ID: c.ID, Name: c.Name, Ended: c.State == workload.Exited}
	if c.State == workload.Running && confinement.PID == 0 {
		return looked, nil // it is just ending: the next look finds out
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen == nil {
		e.seen = map[string]quarantine.Container{}
	}
	e.seen[key] = looked
	return looked, nil
}

// prune forgets containers that are no longer listed.
func (e *examined) prune(boxes []workload.Sandbox) {
	e.mu.Lock()
	defer e.mu.Unlock()
	listed := map[string]bool{}
	for _, b := range boxes {
		for _, c := range b.Containers {
			listed[c.ID] = true
		}
	}
	for key, c := range e.seen {
		if !listed[c.ID] {
			delete(e.seen, key)
		}
	}
}
