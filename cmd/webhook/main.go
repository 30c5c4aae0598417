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
	c := cli.Server{
		Name: "webhook", Does: "injects the proxy into the pods of foreign namespaces, and refuses objects that could bypass it",
		Log: &s.log, Flags: s.flags, Check: s.check,
		Run: func(ctx context.Context, logger *slog.Logger) error { return serve(ctx, s, logger) },
	}.Command()
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
