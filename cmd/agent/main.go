// Command agent enforces the foreign pods and the NetworkPolicies of its node. Its subcommands report what it enforces and
// why (status, rules, explain, requests), prove what they did (record), undo it (cleanup), and install or remove its CNI plugin (install-cni, uninstall-cni).
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/cli"
)

func main() { os.Exit(cli.Main(command(os.Getenv))) }

// command is the agent with its subcommands. Without one it works until it receives a signal.
func command(getenv func(string) string) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:     "agent",
		Short:   "agent enforces the foreign pods and the NetworkPolicies of its node",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(o.check()) },
		RunE:    cli.Serve(&o.log, func(ctx context.Context, logger *slog.Logger) error { return serve(ctx, o, logger) }),
	}
	o.flags(c.Flags(), getenv)
	c.AddCommand(statusCommand(), rulesCommand(), askCommand(), explainCommand(), requestsCommand(), recordCommand(), cleanupCommand(), installCNICommand(), uninstallCNICommand())
	return c
}
