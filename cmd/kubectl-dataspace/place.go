package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/programs/kubectlplugin/local"
	"data-space.liqo.io/pkg/values/apis"
)

// agentSocket is where the agent of a node listens; deploy/ mounts its folder.
const agentSocket = "/run/data-spacer/agent.sock"

// place is the cluster, where Data Spacer is installed in it, and the form of the answer.
type place struct {
	kubeconfig     cli.Kubeconfig
	system, socket string
	form           string
}

func (p *place) flags(f *pflag.FlagSet, forms ...string) {
	cli.Output(f, &p.form, kubectlplugin.FormTable, append(forms, kubectlplugin.FormWide, kubectlplugin.FormYAML)...)
	p.kubeconfig.Flags(f)
	f.StringVar(&p.system, "system-namespace", apis.SystemNamespace, "`namespace` in which Data Spacer is installed")
	f.StringVar(&p.socket, "agent-socket", "", "`path` of the socket of this node's agent, which is asked in place of the API server; default: "+agentSocket+
		", on a node without a kubeconfig")
}

// connect returns the agents, and the namespace of the pods that are named without one.
func (p *place) connect() (cluster kubectlplugin.Cluster, namespace string, err error) {
	config, namespace, err := p.kubeconfig.Connect()
	if _, missing := os.Stat(agentSocket); p.socket == "" && err != nil && missing == nil {
		p.socket = agentSocket
	}
	if p.socket != "" {
		return local.Agent{Socket: p.socket}, "default", nil
	}
	if err != nil {
		return nil, "", err
	}
	cluster, err = agentexec.New(config, p.system)
	return cluster, namespace, err
}

// style is how the answer is printed: with colours if it goes to a terminal.
func (p *place) style(c *cobra.Command) kubectlplugin.Style {
	return kubectlplugin.StyleFor(c.OutOrStdout(), p.form)
}
