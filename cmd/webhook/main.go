// Command webhook injects the proxy into the pods of foreign namespaces, and refuses objects that could bypass it.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/webhook"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:     "webhook",
		Short:   "webhook injects the proxy into the pods of foreign namespaces, and refuses objects that could bypass it",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(s.check()) },
		RunE:    cli.Reporting(&s.log, func(ctx context.Context, logger *slog.Logger) error { return serve(ctx, s, logger) }),
	}
	s.flags(c.Flags())
	c.AddCommand(protectedTaintCommand())
	return c
}

func serve(ctx context.Context, s settings, logger *slog.Logger) error {
	config, _, err := cli.Cluster(s.kubeconfig)
	if err != nil {
		return err
	}
	return webhook.Run(ctx, config, s.options, logger)
}
