package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/workload"
)

// writeTimeout bounds one pod's writes. They are not cut short by the end of the program.
const writeTimeout = 30 * time.Second

// Dataplane reads and writes rulesets in network namespaces.
type Dataplane interface {
	Writer
	Observe(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	Clear(context.Context, *netns.Namespace, ...iptables.Family) error
}

// Writer writes rulesets in network namespaces.
type Writer interface {
	Enforce(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	Rewrite(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	Fill(context.Context, *netns.Namespace, []iptables.Ruleset) error
}

// Ledger remembers what is guarded, across restarts.
type Ledger interface {
	All() map[string]ledger.Entry
	Get(sandbox string) (ledger.Entry, bool)
	Put(ledger.Entry) error
	Delete(sandbox string) error
}

// Outcome is what the kernel holds after Ensure.
type Outcome struct {
	State    dataplane.State
	Inode    uint64           // of the network namespace
	Proxy    workload.Process // that the rules are bound to; zero: none
	Bound    bool             // the exemption belongs to the target's proxy
	Repaired []drift.Finding  // what somebody else had changed
	Prepared []string         // what had to be changed besides the rules
}

// Enforcer makes network namespaces hold what is planned for them. It is safe for concurrent use: calls for one sandbox
// wait for each other.
type Enforcer struct {
	settings  redirect.Settings
	dataplane Dataplane
	ledger    Ledger
	locks     keyedLocks
	announced func(box string) (workload.Process, bool) // by the runtime, ahead of its list; nil: it announces nothing
	newborn   func(box string) bool                     // its start is being held, or was a moment ago; nil: none is
}

// NewEnforcer returns an Enforcer.
func NewEnforcer(s redirect.Settings, d Dataplane, l Ledger) *Enforcer {
	return &Enforcer{settings: s, dataplane: d, ledger: l}
}

// Ensure makes the target's network namespace hold its ruleset: for the first time, after a change and after a restart
// alike. It writes only what the kernel does not hold, and returns nil only if the kernel holds it then. Errors are
// *failure.Error. If the proxy cannot be bound, or the plan cannot be written at all, the pod is closed and the error says why.
func (e *Enforcer) Ensure(ctx context.Context, t endpoint.Target) (Outcome, error) {
	defer e.locks.lock(t.Sandbox)()
	t = e.current(t)
	ns, err := open(t)
	if err != nil {
		return Outcome{}, err
	}
	defer ns.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()

	out, err := e.write(ctx, ns, t)
	if err == nil {
		return out, nil
	}
	if t.Proxy.Cgroup != "" {
		t.Proxy = workload.Process{}
		closed, closeErr := e.write(ctx, ns, t)
		if closeErr == nil {
			return closed, err
		}
		err = errors.Join(err, closeErr)
	}
	return out, errors.Join(err, e.close(ctx, ns, t))
}

// close is the last resort where the plan cannot be written at all (a user namespace of the pod's own, a kernel that lost
// an extension): what every kernel can hold keeps the pod closed, whatever part of the plan is in. That the plan is gone
// then is our own doing, so the ledger forgets it: it is no drift.
func (e *Enforcer) close(ctx context.Context, ns *netns.Namespace, t endpoint.Target) error {
	var problems error
	if entry, known := e.ledger.Get(t.Sandbox); known {
		entry.Plan = ""
		if err := e.ledger.Put(entry); err != nil {
			problems = failure.New(failure.Ledger, err)
		}
	}
	if _, err := e.dataplane.Enforce(ctx, ns, redirect.Closed(e.settings)); err != nil {
		problems = errors.Join(problems, failure.New(failure.Write, fmt.Errorf("%s: close it: %w", t.Endpoint, err)))
	}
	return problems
}

// write brings the kernel and the ledger to the target. Where somebody has written before (an agent that is gone, another
// one), a newborn sandbox is closed as every other: by the whole plan.
func (e *Enforcer) write(ctx context.Context, ns *netns.Namespace, t endpoint.Target) (Outcome, error) {
	out, err := e.put(ctx, ns, t, e.desired(t))
	if errors.Is(err, dataplane.ErrTaken) {
		return e.put(ctx, ns, t, e.plan(t))
	}
	return out, err
}

// put brings the kernel and the ledger to a ruleset, in this order: known, written, known as verified.
func (e *Enforcer) put(ctx context.Context, ns *netns.Namespace, t endpoint.Target, desired []iptables.Ruleset) (Outcome, error) {
	last, known := e.ledger.Get(t.Sandbox)
	entry := ledger.Entry{
		Sandbox: t.Sandbox, Namespace: t.Endpoint.Namespace, Name: t.Endpoint.Name, UID: t.Endpoint.UID, Guest: t.Endpoint.Guest,
		Netns: ns.Inode(), Plan: digest(desired), Cgroup: t.Proxy.Cgroup, Control: t.Proxy.CgroupInode,
	}
	if !known {
		first := entry
		first.Plan = ""
		if err := e.ledger.Put(first); err != nil {
			return Outcome{}, failure.New(failure.Ledger, err)
		}
	}
	fault.At(fault.Noted)
	apply := e.dataplane.Enforce
	if rebound(last, entry) {
		apply = e.dataplane.Rewrite
	}
	state, err := apply(ctx, ns, desired)
	if err != nil {
		return Outcome{}, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	out := Outcome{State: state, Inode: ns.Inode(), Proxy: t.Proxy, Bound: t.Proxy.Cgroup != ""}
	if last.Plan == entry.Plan && last.Netns == entry.Netns {
		out.Repaired = state.Drift
	}
	if out.Bound {
		if out.Prepared, err = podnet.Prepare(ns); err != nil {
			return out, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
		}
		if last.Plan == entry.Plan && last.Netns == entry.Netns {
			out.Repaired = append(out.Repaired, findings(out.Prepared)...)
		}
	}
	if err := e.ledger.Put(entry); err != nil {
		return out, failure.New(failure.Ledger, err)
	}
	fault.At(fault.Remembered)
	return out, nil
}

// rebound reports whether another control group came to stand at the path that the rules were bound to: their text is
// then right and they match nothing.
func rebound(last, now ledger.Entry) bool {
	return now.Cgroup != "" && last.Cgroup == now.Cgroup && last.Control != now.Control && now.Control != 0
}

// Observe reads what the target's network namespace holds now. It writes nothing.
func (e *Enforcer) Observe(ctx context.Context, t endpoint.Target) (Outcome, error) {
	defer e.locks.lock(t.Sandbox)()
	t = e.current(t)
	ns, err := open(t)
	if err != nil {
		return Outcome{}, err
	}
	defer ns.Close()
	state, err := e.dataplane.Observe(ctx, ns, e.desired(t))
	if err != nil {
		return Outcome{}, failure.New(failure.Read, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return Outcome{State: state, Inode: ns.Inode(), Proxy: t.Proxy, Bound: t.Proxy.Cgroup != ""}, nil
}

// Clear takes the rules out of the target's network namespace and forgets it.
func (e *Enforcer) Clear(ctx context.Context, t endpoint.Target) error {
	defer e.locks.lock(t.Sandbox)()
	ns, err := open(t)
	if err != nil {
		return err
	}
	defer ns.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	families := []iptables.Family{iptables.V4}
	if e.settings.IPv6 {
		families = append(families, iptables.V6)
	}
	if err := e.dataplane.Clear(ctx, ns, families...); err != nil {
		return failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return e.ledger.Delete(t.Sandbox)
}

// Forget drops what is remembered of a sandbox that is gone.
func (e *Enforcer) Forget(sandbox string) error {
	defer e.locks.lock(sandbox)()
	return e.ledger.Delete(sandbox)
}

// current is the target with the proxy that the runtime has announced meanwhile: who looked at the runtime's list before
// the proxy was in it must not undo what was bound since.
func (e *Enforcer) current(t endpoint.Target) endpoint.Target {
	if e.announced == nil {
		return t
	}
	if proxy, ok := e.announced(t.Sandbox); ok {
		t.Proxy = proxy
	}
	return t
}

// open opens the target's network namespace and refuses one that is not the pod's.
func open(t endpoint.Target) (*netns.Namespace, error) {
	ns, err := netns.Open(t.Netns)
	if err != nil {
		return nil, failure.New(failure.Open, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	if err := ns.CheckPod(t.Endpoint.IPs); err != nil {
		return nil, errors.Join(failure.New(refusal(err), fmt.Errorf("%s: %w", t.Endpoint, err)), ns.Close())
	}
	return ns, nil
}

// digest identifies what was asked for.
func digest(desired []iptables.Ruleset) string {
	hash := sha256.New()
	for _, set := range desired {
		fmt.Fprintf(hash, "%s\n%s", set.Family, set.Restore())
	}
	return hex.EncodeToString(hash.Sum(nil))
}
