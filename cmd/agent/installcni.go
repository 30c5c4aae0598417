package main

import (
	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/nodeinstall"
)

// installCNICommand puts the plugin into the node's chain once. An agent that runs does so by itself, and keeps it there.
func installCNICommand() *cobra.Command {
	var o gateOptions
	c := &cobra.Command{
		Use:     "install-cni",
		Short:   "put the CNI plugin into this node's chain, once",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(o.check()) },
		RunE: func(c *cobra.Command, _ []string) error {
			return nodeinstall.Install(c.Context(), o.Options, c.OutOrStdout())
		},
	}
	o.paths(c.Flags())
	o.entry(c.Flags())
	return c
}

// uninstallCNICommand removes the plugin and what the last agent left on the node.
func uninstallCNICommand() *cobra.Command {
	var o gateOptions
	var state, socket string
	c := &cobra.Command{
		Use:     "uninstall-cni",
		Short:   "remove the CNI plugin from this node's chain, and what the last agent left on the node",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(o.check()) },
		RunE: func(c *cobra.Command, _ []string) error {
			return nodeinstall.Uninstall(c.Context(), o.Options, state, socket, c.OutOrStdout())
		},
	}
	o.paths(c.Flags())
	c.Flags().StringVar(&state, "state-dir", defaultState, "`folder` that remembers the guarded pods of this node")
	statusSocket(c.Flags(), &socket)
	return c
}
