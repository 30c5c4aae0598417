package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/effects/capability"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
)

// serve is the agent: it checks the node in the order in which a person would, then works until its context ends.
func serve(ctx context.Context, o options, logger *slog.Logger) error {
	var err error
	n := node{options: o, log: logger}
	if err := capability.Check(); err != nil {
		return err
	}
	if n.backend, n.sign, err = xtables.Choose(o.backend); err != nil {
		return err
	}
	if n.api, n.source, err = cli.Cluster(o.kubeconfig); err != nil {
		return err
	}
	n.measure()
	n.facts = facts.New(o.facts.config(o.node, o.record.folder, logger), n.registry)
	jobs, err := n.jobs(ctx)
	jobs = append(jobs, job{run: n.facts.Run, part: agentserver.Part{Path: agentapi.RecordPath, Answers: n.facts.Handler()}})
	for _, j := range jobs {
		if j.close != nil {
			defer j.close()
		}
	}
	if err != nil {
		return err
	}
	if err = work(ctx, o, jobs, agentserver.Metrics(n.registry, o.metrics, o.metricsCert, n.api)); err == nil {
		logger.Info("agent stops: every rule stays in place")
	}
	return err
}

// measure makes the registry that all jobs share.
func (n *node) measure() {
	if n.does(featureRedirect) {
		n.metrics = agent.NewMetrics()
		n.registry = n.metrics.Registry
		return
	}
	n.registry = prometheus.NewRegistry()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// jobs makes what is enabled. What was made is returned with an error, to be closed.
func (n *node) jobs(ctx context.Context) ([]job, error) {
	var jobs []job
	if n.does(featurePolicy) {
		j, err := newPolicies(ctx, *n)
		if err != nil {
			return jobs, err
		}
		n.address = j.address
		jobs = append(jobs, j)
	}
	if n.does(featureRedirect) {
		j, err := newRedirect(ctx, *n)
		if err != nil {
			return jobs, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// work runs the jobs and the servers.
func work(ctx context.Context, o options, jobs []job, metrics http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	stop, cancel := context.WithCancel(ctx) // for servers, when a later one cannot listen
	defer cancel()
	if err := servers(ctx, stop, group, o, jobs, metrics); err != nil {
		return err
	}
	for _, j := range jobs {
		group.Go(func() error { return j.run(ctx) })
	}
	return group.Wait()
}
