package main

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/facts"
)

const component = "data-space-agent"

// node is what every job is made with.
type node struct {
	options
	log      *slog.Logger
	api      *rest.Config
	source   string // where api comes from
	backend  xtables.Backend
	sign     string // how the backend is known
	registry *prometheus.Registry
	facts    *facts.Emitter                                                      // nil: facts are not recorded
	metrics  *agent.Metrics                                                      // the redirect's; nil without it
	address  func(ctx context.Context, namespace, name string, ips []netip.Addr) // who wants to hear of pods' addresses; may be nil
}

// job is one thing that the agent does.
type job struct {
	run     func(context.Context) error
	close   func()
	part    agentserver.Part // of what the agent answers
	address func(ctx context.Context, namespace, name string, ips []netip.Addr)
}
