package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/podhooks"
	"data-space.liqo.io/pkg/effects/podwatch"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/cli"
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
	if err := n.checkKernel(); err != nil {
		return job{}, err
	}
	plane := dataplane.New(n.backend)
	settings, err := podrules.SettingsOf(ctx, plane, string(n.backend), n.destinations, n.log)
	if err != nil {
		return job{}, err
	}
	memory, err := ledger.Open(n.state)
	if err != nil {
		return job{}, err
	}
	runtime, err := sandbox.Dial(ctx, n.socket)
	if err != nil {
		return job{}, err
	}
	api, err := podwatch.Connect(ctx, n.api, n.node, component, n.source, len(memory.All()), n.log)
	if err != nil {
		return job{}, errors.Join(err, runtime.Close())
	}
	host, err := hostlink.Open("/proc/self/ns/net")
	if err != nil {
		return job{}, errors.Join(err, runtime.Close())
	}
	rules := podrules.New(settings, podrules.Parts{Dataplane: plane, Store: memory, Process: runtime.ProcessOf, Hooks: podhooks.New(n.backend), Log: n.log})
	e := enforcement{node: n, rules: rules, runtime: runtime, api: api, guests: recorder.GuestsOf(ctx, api)}
	a, gates := e.programs(host)
	record, err := newRecord(n, a, e.guests, recorder.Probes(ctx, api))
	if err != nil {
		return job{}, errors.Join(err, runtime.Close(), host.Close())
	}
	n.log.Info("agent starts", "node", n.node, "backend", string(n.backend), "reason", n.sign, "ipv6", settings.IPv6,
		"runtime", runtime.Runtime, "socket", runtime.Socket, "remembered", len(memory.All()))
	return job{
		run:   func(ctx context.Context) error { return e.run(ctx, a, record, gates) },
		close: func() { api.Events.Close(); _ = runtime.Close(); _ = host.Close() },
		part: agentserver.Part{
			Path: agentapi.EndpointsPath, Answers: agentserver.Endpoints(a, n.log),
			Alive: agentserver.Condition{Good: a.Alive, Otherwise: "no decision was made for too long"},
			Ready: agentserver.Condition{Good: a.Ready, Otherwise: "not every foreign pod of this node was looked at yet"},
		},
	}, nil
}

// checkKernel reports what the node lacks that no flag can replace.
func (n node) checkKernel() error {
	if _, err := n.profile(); err != nil {
		return err
	}
	if err := sockets.CheckMarking(); err != nil {
		return fmt.Errorf("this node's kernel does not let the agent mark the proxies' listeners: %w", err)
	}
	return nil
}

// enforcement is what the programs of the redirect share.
type enforcement struct {
	node
	rules   *podrules.Reconciler
	runtime *sandbox.Client
	api     podwatch.Connection
	guests  recorder.Guests
}

// programs makes the agent, and what the gates are made of.
func (e enforcement) programs(host *hostlink.Host) (*agent.Agent, startgate.Parts) {
	isolation := podisolation.New(podisolation.Parts{Settings: quarantine.Settings{Handlers: cli.List(e.handlers)}, Runtime: e.runtime, Wall: host, Log: e.log})
	frames := podisolation.NewFrames(podisolation.FrameParts{Filter: host, Dropped: e.metrics.Dropped})
	reporter := e.facts.Reporting(e.api.Events, e.guests.Of)
	a := agent.New(agent.Config{
		Node: e.node.node, Resync: e.resync, Verify: e.verify, Workers: workers, Log: e.log, Gated: e.gate.mode == gateCNI,
		Backend: string(e.backend), BackendSign: e.sign, RuntimeName: e.runtime.Runtime, Socket: e.runtime.Socket,
	}, agent.Parts{
		Runtime: e.runtime, Cluster: e.api, Authority: e.api, Reporter: reporter, Rules: e.rules, Metrics: e.metrics, Emit: e.facts.Emit,
		Quarantine: isolation, Conditions: e.api.Conditions, Frames: frames,
	})
	return a, startgate.Parts{
		Rules: e.rules, Binder: e.rules, Frames: frames, Examiner: isolation, Rounds: a, Cluster: e.api, Spaces: e.api, Reporter: reporter,
		Counters: e.metrics, Registry: e.registry, Log: e.log,
	}
}

// run runs the agent, its record and its gates until the context ends.
func (e enforcement) run(ctx context.Context, a *agent.Agent, record func(context.Context) error, gates startgate.Parts) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.Run(ctx) })
	group.Go(func() error { e.api.Conditions.Run(ctx); return nil })
	group.Go(func() error { return record(ctx) })
	group.Go(func() error { return e.runGates(ctx, a, gates) })
	return group.Wait()
}

func (e enforcement) runGates(ctx context.Context, a *agent.Agent, parts startgate.Parts) error {
	config := startgate.Config{Socket: e.gate.Socket, File: e.gate.Spaces, Exempt: e.gate.Exempt, Marks: e.gate.StartsPlain, Address: e.address}
	var err error
	if config.Profile, err = e.profile(); err != nil {
		return err
	}
	of, err := e.gates(ctx, a, e.runtime)
	if err != nil {
		return err
	}
	return startgate.Run(ctx, parts, config, of)
}
