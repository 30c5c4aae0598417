// Command kubectl-dataspace is "kubectl dataspace": it asks the agents of all nodes, through the API server, what they enforce and
// what guests did, and writes kubeconfigs for the API proxy; on a node without a kubeconfig it asks the agent of this node by its socket.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubeconfig"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	c := &cobra.Command{
		Use:   "kubectl-dataspace",
		Short: "kubectl dataspace shows what Data Spacer enforces in a cluster, and what guests did",
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(auditCommand(), verifyCommand(), explainCommand(), requestsCommand(), watchCommand(), reportCommand(), doctorCommand(), kubeconfig.Command(&cli.Kubeconfig{}, cli.Usage))
	return c
}
