package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// Confiner is what the container runtime and the kernel say of containers.
type Confiner interface {
	Confinement(ctx context.Context, container string) (workload.Confinement, error)
	ConfinementOf(pid int) (workload.Confinement, error)
	NodeProcesses() (uint64, error)
	Stop(ctx context.Context, container string) error
}

// Wall stands on the node's end of a pod's link.
type Wall interface {
	Up(pod *netns.Namespace, sandbox string, ips []netip.Addr) (hostlink.Standing, error)
	Down(sandbox string) error
	Standing() []string
}

// Conditions writes the condition of a pod. It does not wait for the API server.
type Conditions interface {
	Quarantined(namespace, name, uid string, quarantined bool, reason, message string)
}

// Quarantine is how the agent keeps apart what the rules in a pod cannot hold.
type Quarantine struct {
	Settings   quarantine.Settings
	Runtime    Confiner
	Wall       Wall
	Conditions Conditions

	mu   sync.Mutex
	seen map[string]quarantine.Container // by id: what was told of a container that runs does not change
}

// Reasons of Events of quarantine.
const (
	EventQuarantined = "Quarantined"
	EventReleased    = "QuarantineEnded"
)

// judge finds what speaks against leaving the pod to its rules.
func (q *Quarantine) judge(ctx context.Context, want assign.Assignment, t endpoint.Target, ns *netns.Namespace) ([]quarantine.Finding, error) {
	pod := quarantine.Pod{Runtime: t.Runtime, Net: ns.Inode(), ProxyMissing: want.Reason == assign.ProxyMissing}
	var err error
	if pod.UserNamespaced, err = ns.InOtherUserNamespace(); err != nil {
		return nil, err
	}
	if pod.HostPID, err = q.Runtime.NodeProcesses(); err != nil {
		return nil, err
	}
	for c := range want.Containers.All() {
		looked, err := q.look(ctx, c)
		if errors.Is(err, sandbox.ErrGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: container %s: %w", t.Endpoint, c.Name, err)
		}
		pod.Containers = append(pod.Containers, looked)
	}
	return quarantine.Judge(pod, q.Settings), nil
}

// look looks at a container, once in each of its states.
func (q *Quarantine) look(ctx context.Context, c workload.Container) (quarantine.Container, error) {
	key := c.ID + string(c.State)
	q.mu.Lock()
	known, ok := q.seen[key]
	q.mu.Unlock()
	if ok {
		return known, nil
	}
	confinement, err := q.Runtime.Confinement(ctx, c.ID)
	if err != nil {
		return quarantine.Container{}, err
	}
	looked := quarantine.Container{Confinement: confinement, ID: c.ID, Name: c.Name, Ended: c.State == workload.Exited}
	if c.State == workload.Running && confinement.PID == 0 {
		return looked, nil // it is just ending: the next look tells
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen == nil {
		q.seen = map[string]quarantine.Container{}
	}
	q.seen[key] = looked
	return looked, nil
}

// prune forgets containers that are no longer listed.
func (q *Quarantine) prune(boxes []workload.Sandbox) {
	q.mu.Lock()
	defer q.mu.Unlock()
	listed := map[string]bool{}
	for _, b := range boxes {
		for _, c := range b.Containers {
			listed[c.ID] = true
		}
	}
	for key, c := range q.seen {
		if !listed[c.ID] {
			delete(q.seen, key)
		}
	}
}

// asBefore reports whether nothing speaks against the pod that did not before, whatever has become of its containers.
func (a *Agent) asBefore(ctx context.Context, r record) bool {
	if a.quarantine == nil || r.did == r.want {
		return true
	}
	ns, err := open(r.target)
	if err != nil {
		return false
	}
	defer ns.Close()
	findings, err := a.quarantine.judge(ctx, r.want, r.target, ns)
	return err == nil && slices.Equal(findings, r.findings)
}

// confine judges the pod and keeps it apart if something speaks against it. The target is what its rules are to be then.
func (a *Agent) confine(ctx context.Context, r record, t endpoint.Target) (endpoint.Target, []quarantine.Finding, error) {
	q := a.quarantine
	if q == nil {
		return t, nil, nil
	}
	ns, err := netns.Open(t.Netns) // whatever addresses it holds: who may change them may not get away by that
	if err == nil {
		defer ns.Close()
		err = ns.CheckNotHost()
	}
	if err != nil {
		return t, nil, nil // whoever writes the rules meets the same, and says so
	}
	findings, err := q.judge(ctx, r.want, t, ns)
	if err != nil {
		return t, r.findings, failure.New(failure.Confinement, err)
	}
	a.tell(r, findings)
	if len(findings) == 0 {
		return t, nil, nil
	}
	standing, err := q.Wall.Up(ns, t.Sandbox, t.Endpoint.IPs)
	if standing.Repaired {
		a.warn(r.want, EventDriftRepaired, "the wall on the node's end of the pod's link had been changed and is as planned again")
	}
	if err != nil {
		err = errors.Join(failure.New(failure.Wall, fmt.Errorf("%s: %w", t.Endpoint, err)), a.stop(ctx, r.want, findings))
	}
	if r.want.Proxy == "" || slices.ContainsFunc(findings, func(f quarantine.Finding) bool { return f.Reason == quarantine.UserNamespace }) {
		t.Quarantined, t.Answered = true, standing.From
	}
	return t, findings, err
}

// stop ends the containers that speak against the pod: what cannot be kept apart does not run.
func (a *Agent) stop(ctx context.Context, want assign.Assignment, findings []quarantine.Finding) error {
	var problems error
	for _, f := range findings {
		for c := range want.Containers.All() {
			// A pod that merely lacks a proxy, or room for one, is closed by rules that it cannot change.
			held := f.Reason == quarantine.ProxyMissing || f.Reason == quarantine.UserNamespace || f.Reason == quarantine.SharedProcesses
			if held || c.State != workload.Running || f.ID != "" && f.ID != c.ID {
				continue
			}
			a.Log.Warn("container stopped: the pod cannot be kept apart otherwise", "namespace", want.Namespace, "pod", want.Name, "container", c.Name)
			if err := a.quarantine.Runtime.Stop(ctx, c.ID); err != nil && !errors.Is(err, sandbox.ErrGone) {
				problems = errors.Join(problems, err)
			}
		}
	}
	return problems
}

// tell reports that a quarantine begins, changes or ends.
func (a *Agent) tell(r record, findings []quarantine.Finding) {
	want := r.want
	if slices.Equal(r.findings, findings) {
		return
	}
	a.table.update(want.UID, func(t *record) { t.findings = findings })
	if len(findings) == 0 {
		return // free says it
	}
	message := reasons(findings)
	a.warn(want, EventQuarantined, "nothing but answers to the kubelet's probes leaves the pod: "+message)
	a.quarantine.Conditions.Quarantined(want.Namespace, want.Name, want.UID, true, string(findings[0].Reason), message)
}

// free ends the quarantine of a pod against which nothing speaks any more, also one that an earlier agent began.
func (a *Agent) free(r record) error {
	if a.quarantine == nil || !slices.Contains(a.quarantine.Wall.Standing(), r.want.Sandbox) {
		return nil
	}
	if err := a.quarantine.Wall.Down(r.want.Sandbox); err != nil {
		return failure.New(failure.Wall, err)
	}
	want := r.want
	a.reporter.Normal(want.Namespace, want.Name, want.UID, EventReleased, "nothing speaks against the pod any more: it is left to its rules")
	a.quarantine.Conditions.Quarantined(want.Namespace, want.Name, want.UID, false, "Harmless", "")
	return nil
}

// reasons is what speaks against a pod, as people read it.
func reasons(findings []quarantine.Finding) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, fmt.Sprintf("%s: %s", f.Reason, f.Message))
	}
	return strings.Join(texts, "; ")
}

// unwall takes down the walls of sandboxes that are gone.
func (a *Agent) unwall(boxes []workload.Sandbox, alive map[string]bool) {
	if a.quarantine == nil {
		return
	}
	a.quarantine.prune(boxes)
	for _, id := range a.quarantine.Wall.Standing() {
		if alive[id] || a.starting.holds(id, time.Now()) {
			continue
		}
		if err := a.quarantine.Wall.Down(id); err != nil {
			a.metrics.failure(failure.Wall)
			a.Log.Error("cannot take down the wall of a pod that is gone", "sandbox", id, "error", err)
		}
	}
}
