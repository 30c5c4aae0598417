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
	return cli.Server{
		Name: "proxy", Does: "stands before the API server and shows each caller the cluster-scoped objects that are the caller's",
		Log: &s.log, Flags: s.flags, Check: s.check,
		Run: func(ctx context.Context, logger *slog.Logger) error { return serve(ctx, s, logger) },
	}.Command()
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
