package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/webhook"
)

// protectedTaintCommand turns the settings document of the original toleration policy into a ProtectedTaint.
func protectedTaintCommand() *cobra.Command {
	var from, name string
	c := &cobra.Command{
		Use:   "protected-taint",
		Short: "prints the ProtectedTaint for the settings of the original toleration policy (taint, allowed_users, allowed_groups; YAML or JSON)",
		RunE: func(c *cobra.Command, _ []string) error {
			return webhook.PrintProtectedTaint(from, name, c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&from, "from", "-", "`file` with the settings document; -: standard input")
	c.Flags().StringVar(&name, "name", "", "`name` of the ProtectedTaint (default the taint's key and value)")
	return c
}

// reservedFlags say who is not asked for a right to reserved nodes.
func reservedFlags(f *pflag.FlagSet, o *webhook.Options) {
	o.TrustedControllers, o.ExemptNamespaces = webhook.TrustedControllers(), []string{"liqo"}
	cli.Var(f, "trusted-controllers", "users whose pods and bindings are not asked for a right to reserved nodes, comma-separated (default Kubernetes' own)",
		&o.TrustedControllers, webhook.ParseUsers)
	cli.Var(f, "reserved-exempt-namespaces", "namespaces, beside kube-system and data-spacer, whose pods may be on reserved nodes, comma-separated (default liqo)",
		&o.ExemptNamespaces, parseNames)
}
