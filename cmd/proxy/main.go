// Command proxy stands before the API server and shows each caller the cluster-scoped objects that are the caller's.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/apiproxy"
	"data-space.liqo.io/pkg/programs/cli"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "proxy",
		Short:   "proxy stands before the API server and shows each caller the cluster-scoped objects that are the caller's",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(s.check()) },
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
	if err := apiproxy.Run(ctx, cluster, s.options, logger); err != nil {
		return fmt.Errorf("connected by %s: %w", source, err)
	}
	return nil
}
