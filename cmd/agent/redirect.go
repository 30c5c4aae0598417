package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podhooks"
	"data-space.liqo.io/pkg/effects/podwatch"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/reconcilers/podisolation"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
)

const workers = 2

// newRedirect puts together what makes all traffic of foreign pods pass their proxy, and the gates that hold them until it
// does.
func newRedirect(ctx context.Context, n node) (job, error) {
	if _, err := n.profile(); err != nil {
		return job{}, err
	}
	plane := dataplane.New(n.backend)
	settings, err := held(ctx, n, plane)
	if err != nil {
		return job{}, err
	}
	if err := sockets.CheckMarking(); err != nil {
		return job{}, fmt.Errorf("this node's kernel does not let the agent mark the proxies' listeners: %w", err)
	}
	memory, err := ledger.Open(n.state)
	if err != nil {
		return job{}, err
	}
	runtime, err := sandbox.Dial(ctx, n.socket)
	if err != nil {
		return job{}, err
	}
	watch, events, conditions, err := connect(ctx, n, memory)
	if err != nil {
		return job{}, errors.Join(err, runtime.Close())
	}
	host, err := hostlink.Open("/proc/self/ns/net")
	if err != nil {
		return job{}, errors.Join(err, runtime.Close())
	}
	config := agent.Config{
		Node: n.node, Resync: n.resync, Verify: n.verify, Workers: workers, Log: n.log, Gated: n.gate.mode == gateCNI,
		Backend: string(n.backend), BackendSign: n.sign, RuntimeName: runtime.Runtime, Socket: runtime.Socket,
	}
	rules := podrules.New(settings, podrules.Parts{Dataplane: plane, Store: memory, Process: runtime.ProcessOf, Hooks: podhooks.New(n.backend), Log: n.log})
	judged := quarantine.Settings{Handlers: list(n.handlers)}
	isolation := podisolation.New(podisolation.Parts{Settings: judged, Runtime: runtime, Wall: host, Log: n.log})
	frames := podisolation.NewFrames(podisolation.FrameParts{Filter: host, Dropped: n.metrics.Dropped})
	guests := recorder.GuestsOf(ctx, watch)
	reporter := n.facts.Reporting(events, guests.Of)
	a := agent.New(config, agent.Parts{
		Runtime: runtime, Cluster: watch, Authority: watch, Reporter: reporter, Rules: rules, Metrics: n.metrics, Emit: n.facts.Emit,
		Quarantine: isolation, Conditions: conditions, Frames: frames,
	})
	gates := startgate.Parts{
		Rules: rules, Binder: rules, Frames: frames, Examiner: isolation, Rounds: a, Cluster: watch, Spaces: watch, Reporter: reporter,
		Counters: n.metrics, Registry: n.registry, Log: n.log,
	}
	record, err := newRecord(n, a, guests, recorder.Probes(ctx, watch))
	if err != nil {
		return job{}, errors.Join(err, runtime.Close(), host.Close())
	}
	n.log.Info("agent starts", "node", n.node, "backend", config.Backend, "reason", n.sign, "ipv6", settings.IPv6,
		"runtime", runtime.Runtime, "socket", runtime.Socket, "remembered", len(memory.All()))
	return job{
		run: func(ctx context.Context) error {
			group, ctx := errgroup.WithContext(ctx)
			group.Go(func() error { return a.Run(ctx) })
			group.Go(func() error { conditions.Run(ctx); return nil })
			group.Go(func() error { return record(ctx) })
			group.Go(func() error { return runGate(ctx, n, gates, a, runtime) })
			return group.Wait()
		},
		close: func() { events.Close(); _ = runtime.Close(); _ = host.Close() },
		part: agentserver.Part{
			Path: agentapi.EndpointsPath, Answers: agentserver.Endpoints(a, n.log),
			Alive: agentserver.Condition{Good: a.Alive, Otherwise: "no decision was made for too long"},
			Ready: agentserver.Condition{Good: a.Ready, Otherwise: "not every foreign pod of this node was looked at yet"},
		},
	}, nil
}

// held returns the settings of rules that the kernel can hold.
func held(ctx context.Context, n node, plane *dataplane.Dataplane) (redirect.Settings, error) {
	settings := redirect.Settings{IPv6: netns.HasIPv6()}
	check := func() error {
		for _, sets := range redirect.All(settings) {
			if err := plane.Check(ctx, sets); err != nil {
				return fmt.Errorf("this node's kernel cannot hold the rules (iptables-%s): %w", n.backend, err)
			}
		}
		return nil
	}
	first := check()
	if first == nil {
		return settings, nil
	}
	settings.NoCounts = true
	if check() != nil {
		return settings, first
	}
	n.log.Warn("the kernel has no match connbytes (module xt_connbytes): a client that ends its side of a connection at once loses its answer", "error", first)
	return settings, nil
}

// connect asks the API server once. An API server that is not reached stops a first start; an agent that guards pods
// already goes on without it.
func connect(ctx context.Context, n node, memory *ledger.Ledger) (*podwatch.Watch, *podwatch.Events, *podwatch.Conditions, error) {
	watch, err := podwatch.New(n.api, n.node, n.log)
	if err != nil {
		return nil, nil, nil, err
	}
	events, err := podwatch.NewEvents(n.api, component, n.node)
	if err != nil {
		return nil, nil, nil, err
	}
	conditions, err := podwatch.NewConditions(n.api, n.log)
	if err != nil {
		return nil, nil, nil, err
	}
	err = watch.Check(ctx)
	guarded := len(memory.All())
	switch {
	case err == nil:
	case errors.Is(err, podwatch.ErrRefused):
		return nil, nil, nil, fmt.Errorf("the API server at %s refuses %s: %w; give a kubeconfig whose user may get, list and watch "+
			"pods and namespaces and create and patch events (ClusterRole %s)", n.api.Host, n.source, err, component)
	case guarded == 0:
		return nil, nil, nil, fmt.Errorf("the API server at %s, named by %s, cannot be reached: %w; is the address right, and does this "+
			"node have a route to it?", n.api.Host, n.source, err)
	default:
		n.log.Warn("the API server cannot be reached: existing rules stay, the pods guarded before stay enforced, and it is tried on",
			"server", n.api.Host, "guarded", guarded, "error", err)
	}
	return watch, events, conditions, nil
}
