package main

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/agentapi"
)

// servers listens where the flags say, and serves until stop ends.
func servers(ctx, stop context.Context, group *errgroup.Group, o options, jobs []job, metrics http.Handler) error {
	parts := []agentserver.Part{{Path: agentapi.RequestsPath, Answers: recorder.Handler(o.record.folder)}}
	for _, j := range jobs {
		parts = append(parts, j.part)
	}
	for _, s := range []struct {
		flag, address string
		handler       http.Handler
	}{
		{"status-socket", o.status, agentserver.Answers(parts)},
		{"metrics-bind-address", o.metrics, metrics},
		{"health-bind-address", o.health, agentserver.Health(parts)},
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
