// Command kubectl-dataspace is "kubectl dataspace": it asks the agents of all nodes, through the API server, what they enforce and
// what guests did, and writes kubeconfigs for the API proxy.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubeconfig"
	"data-space.liqo.io/pkg/values/apis"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	c := &cobra.Command{
		Use:   "kubectl-dataspace",
		Short: "kubectl dataspace shows what Data Spacer enforces in a cluster, and what guests did",
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(auditCommand(), explainCommand(), requestsCommand(), kubeconfig.Command(&cli.Kubeconfig{}, cli.Usage))
	return c
}

// place is the cluster, and where Data Spacer is installed in it.
type place struct {
	kubeconfig cli.Kubeconfig
	system     string
}

func (p *place) flags(f *pflag.FlagSet) {
	p.kubeconfig.Flags(f)
	f.StringVar(&p.system, "system-namespace", apis.SystemNamespace, "`namespace` in which Data Spacer is installed")
}

// connect returns the agents, and the namespace of the pods that are named without one.
func (p *place) connect() (cluster *agentexec.Cluster, namespace string, err error) {
	config, namespace, err := p.kubeconfig.Connect()
	if err != nil {
		return nil, "", err
	}
	cluster, err = agentexec.New(config, p.system)
	return cluster, namespace, err
}
