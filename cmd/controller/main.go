// Command controller keeps the objects that guard every foreign namespace, and labels the nodes whose agent is ready.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/programs/guestreport"
	"data-space.liqo.io/pkg/programs/taintreport"
	"data-space.liqo.io/pkg/programs/workloads"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "controller",
		Short:   "controller keeps the objects that guard every foreign namespace, and labels the nodes whose agent is ready",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(s.config.Validate()) },
		RunE:    cli.Reporting(&s.log, func(ctx context.Context, logger *slog.Logger) error { return serve(ctx, s, logger) }),
	}
	s.flags(c.Flags())
	return c
}

func serve(ctx context.Context, s settings, logger *slog.Logger) error {
	cluster, source, err := cli.Cluster(s.kubeconfig)
	if err != nil {
		return err
	}
	s.workloads.ClusterDomain, s.config.Narrowed = s.config.Resolver.ClusterDomain, s.workloads.Narrowed
	if err := controller.Run(ctx, cluster, s.config, logger, append(workloads.Additions(ctx, s.workloads, logger), taintreport.Addition(s.exempt, logger), guestreport.Addition(logger))...); err != nil {
		return fmt.Errorf("connected by %s: %w", source, err)
	}
	return nil
}
