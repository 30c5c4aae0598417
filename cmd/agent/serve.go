package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/capability"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/podwatch"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/agent"
)

const (
	workers   = 2
	component = "data-space-agent"
)

// serve is the agent: it checks the node in the order in which a person would, then works until it is told to stop.
func serve(ctx context.Context, args []string, getenv func(string) string, _, stderr io.Writer) error {
	o, err := parse(args, getenv, stderr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.level}))
	ctrllog.SetLogger(logr.FromSlogHandler(logger.Handler()))
	klog.SetSlogLogger(logger) //nolint:forbidigo // The bridge by which client-go logs through ours.

	settings := redirect.Settings{IPv6: hasIPv6()}
	writer, sign, err := checkNode(ctx, o, settings)
	if err != nil {
		return err
	}
	memory, err := ledger.Open(o.state)
	if err != nil {
		return err
	}
	runtime, err := sandbox.Dial(ctx, o.socket)
	if err != nil {
		return err
	}
	defer runtime.Close()
	watch, events, err := connect(ctx, o, memory, logger)
	if err != nil {
		return err
	}
	defer events.Close()

	config := agent.Config{
		Node: o.node, Resync: o.resync, Verify: o.verify, Workers: workers, Log: logger,
		Backend: string(writer.backend), BackendSign: sign, RuntimeName: runtime.Runtime, Socket: runtime.Socket,
	}
	a := agent.New(config, agent.Parts{
		Runtime: runtime, Cluster: watch, Authority: watch, Reporter: events,
		Enforcer: agent.NewEnforcer(settings, writer.Dataplane, memory), Metrics: agent.NewMetrics(),
	})
	logger.Info("agent starts", "node", o.node, "backend", config.Backend, "why", sign, "ipv6", settings.IPv6,
		"runtime", runtime.Runtime, "socket", runtime.Socket, "remembered", len(memory.All()))
	if err := work(ctx, o, a, watch, runtime, logger); err != nil {
		return err
	}
	logger.Info("agent stops: every rule stays in place")
	return nil
}

// work runs the agent and its servers.
func work(ctx context.Context, o options, a *agent.Agent, watch *podwatch.Watch, runtime *sandbox.Client, logger *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	stop, cancel := context.WithCancel(ctx) // for servers, when a later one cannot listen
	defer cancel()
	for _, s := range []struct {
		flag, address string
		handler       http.Handler
	}{
		{"status-socket", o.status, a.StatusHandler()},
		{"metrics-bind-address", o.metrics, a.MetricsHandler()},
		{"health-bind-address", o.health, a.HealthHandler()},
	} {
		if s.address == "0" {
			continue
		}
		listener, err := agent.Listen(ctx, s.address)
		if err != nil {
			return fmt.Errorf("--%s=%s: %w; give another one", s.flag, s.address, err)
		}
		group.Go(func() error { return agent.Serve(stop, listener, s.handler) })
	}
	group.Go(func() error { return a.Run(ctx) })
	group.Go(func() error { return runGate(ctx, o.gate, a, watch, runtime, logger) })
	return group.Wait()
}

// connect reads the kubeconfig and asks the API server once. An API server that is not reached stops a first start; an
// agent that guards pods already goes on without it.
func connect(ctx context.Context, o options, memory *ledger.Ledger, logger *slog.Logger) (*podwatch.Watch, *podwatch.Events, error) {
	config, source, err := apiConfig(o.kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	watch, err := podwatch.New(config, o.node, logger)
	if err != nil {
		return nil, nil, err
	}
	events, err := podwatch.NewEvents(config, component, o.node)
	if err != nil {
		return nil, nil, err
	}
	err = watch.Check(ctx)
	guarded := len(memory.All())
	switch {
	case err == nil:
	case errors.Is(err, podwatch.ErrRefused):
		return nil, nil, fmt.Errorf("the API server at %s refuses %s: %w; give a kubeconfig whose user may get, list and watch "+
			"pods and namespaces and create and patch events (ClusterRole %s)", config.Host, source, err, component)
	case guarded == 0:
		return nil, nil, fmt.Errorf("the API server at %s, named by %s, cannot be reached: %w; is the address right, and does this "+
			"node have a route to it?", config.Host, source, err)
	default:
		logger.Warn("the API server cannot be reached: existing rules stay, the pods guarded before stay enforced, and it is tried on",
			"server", config.Host, "guarded", guarded, "error", err)
	}
	return watch, events, nil
}

func apiConfig(kubeconfig string) (*rest.Config, string, error) {
	if kubeconfig == "" {
		c, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", fmt.Errorf("--kubeconfig: none given, and this is no pod (%w); name a kubeconfig file", err)
		}
		return c, "the pod's service account", nil
	}
	c, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, "", fmt.Errorf("--kubeconfig=%s: %w; name a kubeconfig file that kubectl works with", kubeconfig, err)
	}
	return c, "kubeconfig " + kubeconfig, nil
}

// writer is the data plane and its backend.
type writer struct {
	*dataplane.Dataplane
	backend dataplane.Backend
}

// checkNode makes sure that this process may write rules and that the kernel can hold them.
func checkNode(ctx context.Context, o options, s redirect.Settings) (writer, string, error) {
	if err := capability.Check(); err != nil {
		return writer{}, "", err
	}
	backend, sign := o.backend, "--iptables-backend says so"
	if backend == "" {
		var err error
		if backend, sign, err = dataplane.Detect(); err != nil {
			return writer{}, "", fmt.Errorf("%w; name it with --iptables-backend", err)
		}
	}
	d := dataplane.New(backend)
	if err := d.Check(ctx, redirect.Plan(s, redirect.Proxy{Cgroup: "/"})); err != nil {
		return writer{}, "", fmt.Errorf("this node's kernel cannot hold the rules (iptables-%s): %w", backend, err)
	}
	return writer{d, backend}, sign, nil
}

// hasIPv6 reports whether the kernel has IPv6 (ip-sysctl: ipv6.disable=1 leaves no such file).
func hasIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}
