// Command controller keeps the objects that guard every foreign namespace, and labels the nodes whose agent is ready.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/programs/guestreport"
	"data-space.liqo.io/pkg/programs/nodeoffers"
	"data-space.liqo.io/pkg/programs/taintreport"
	"data-space.liqo.io/pkg/programs/workloads"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var s settings
	return cli.Server{
		Name: "controller", Does: "keeps the objects that guard every foreign namespace, and labels the nodes whose agent is ready",
		Log: &s.log, Flags: s.flags, Check: func() error { return s.config.Validate() },
		Run: func(ctx context.Context, logger *slog.Logger) error {
			return cli.Connected(s.kubeconfig, func(cluster *rest.Config) error { return serve(ctx, cluster, s, logger) })
		},
	}.Command()
}

func serve(ctx context.Context, cluster *rest.Config, s settings, logger *slog.Logger) error {
	s.workloads.ClusterDomain, s.config.Narrowed = s.config.Resolver.ClusterDomain, s.workloads.Narrowed
	more := append(workloads.Additions(ctx, s.workloads, logger), nodeoffers.Addition(s.offers, logger), taintreport.Addition(s.exempt, logger), guestreport.Addition(logger))
	return controller.Run(ctx, cluster, s.config, logger, more...)
}
