// Command proxy stands before the API server and shows each caller the cluster-scoped objects that are the caller's.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/programs/apiproxy"
	"data-space.liqo.io/pkg/programs/cli"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var s settings
	return cli.Server{
		Name: "proxy", Does: "stands before the API server and shows each caller the cluster-scoped objects that are the caller's",
		Log: &s.log, Flags: s.flags, Check: s.check,
		Run: func(ctx context.Context, logger *slog.Logger) error {
			return cli.Connected(s.kubeconfig, func(cluster *rest.Config) error { return apiproxy.Run(ctx, cluster, s.options, logger) })
		},
	}.Command()
}
