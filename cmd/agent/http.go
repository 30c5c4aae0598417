package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/programs/agentserver"
)

// condition is something that a probe asks for.
type condition struct {
	good      func() bool
	otherwise string
}

// health answers the kubelet's probes: a job without a condition meets it.
func health(jobs []job) http.Handler {
	var alive, ready []condition
	for _, j := range jobs {
		alive, ready = append(alive, j.alive), append(ready, j.ready)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(alive))
	mux.HandleFunc("GET /readyz", answer(ready))
	return mux
}

func answer(all []condition) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range all {
			if c.good != nil && !c.good() {
				http.Error(w, c.otherwise, http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ok")
	}
}

// servers listens where the flags say, and serves until stop ends.
func servers(ctx, stop context.Context, group *errgroup.Group, o options, jobs []job, registry prometheus.Gatherer) error {
	answers, metrics := http.NewServeMux(), http.NewServeMux()
	for _, j := range jobs {
		answers.Handle(j.path, j.answers)
		answers.Handle(j.path+"/", j.answers)
	}
	metrics.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	for _, s := range []struct {
		flag, address string
		handler       http.Handler
	}{
		{"status-socket", o.status, answers},
		{"metrics-bind-address", o.metrics, metrics},
		{"health-bind-address", o.health, health(jobs)},
	} {
		if s.address == "0" {
			continue
		}
		listener, err := agentserver.Listen(ctx, s.address)
		if err != nil {
			return fmt.Errorf("--%s=%s: %w; give another one", s.flag, s.address, err)
		}
		group.Go(func() error { return agentserver.Serve(stop, listener, s.handler) })
	}
	return nil
}
