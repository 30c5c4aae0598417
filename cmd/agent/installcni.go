package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/programs/cli"
)

// installCNICommand puts the plugin into the node's chain once. An agent that runs does so by itself, and keeps it there.
func installCNICommand() *cobra.Command {
	var o gateOptions
	c := &cobra.Command{
		Use:     "install-cni",
		Short:   "put the CNI plugin into this node's chain, once",
		PreRunE: func(*cobra.Command, []string) error { return cli.Usage(o.check()) },
		RunE:    func(c *cobra.Command, _ []string) error { return installCNI(c.Context(), o, c.OutOrStdout()) },
	}
	o.paths(c.Flags())
	o.entry(c.Flags())
	return c
}

func installCNI(ctx context.Context, o gateOptions, stdout io.Writer) error {
	in, err := o.nodeFolders(ctx)
	if err != nil {
		return err
	}
	changed, err := o.chain(in, slog.New(slog.DiscardHandler)).Install()
	printFiles(stdout, "written", changed)
	if errors.Is(err, cniconf.ErrNone) {
		return fmt.Errorf("%w: the plugin is in place, its entry is not; run this again once the cluster's CNI plugin has written its configuration", err)
	}
	return err
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
			return uninstallCNI(c.Context(), o, state, socket, c.OutOrStdout())
		},
	}
	o.paths(c.Flags())
	c.Flags().StringVar(&state, "state-dir", defaultState, "`folder` that remembers the guarded pods of this node")
	statusSocket(c.Flags(), &socket)
	return c
}

// uninstallCNI asks a running agent not to reinstall the plugin, then removes the entry and the plugin. If no agent runs, it also
// removes the files that the last agent left.
func uninstallCNI(ctx context.Context, o gateOptions, state, socket string, stdout io.Writer) error {
	stood, err := agentcli.StandDown(ctx, o.socket)
	if err != nil {
		return err
	}
	if stood {
		fmt.Fprintln(stdout, "the agent of this node no longer puts the plugin back, until it is restarted")
	}
	in, err := o.nodeFolders(ctx)
	if err != nil {
		return err
	}
	changed, err := o.chain(in, slog.New(slog.DiscardHandler)).Uninstall()
	printFiles(stdout, "undone", changed)
	if err != nil {
		return err
	}
	if err := removeProfiles(o.kubelet, state); err != nil {
		return err
	}
	traces := []string{o.spaces}
	if !stood {
		traces = append(traces, state, socket, o.socket)
		err = seal()
	}
	return errors.Join(err, agentcli.RemoveTraces(traces...))
}

// seal takes the walls of quarantined pods off this node; their links go down with that, so that nothing else has to hold
// these pods until they are deleted.
func seal() error {
	host, err := hostlink.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	return errors.Join(host.Seal(), host.Close())
}

// printFiles prints which files were changed.
func printFiles(w io.Writer, what string, files []string) {
	for _, file := range files {
		fmt.Fprintf(w, "%s: %s\n", what, file)
	}
	if len(files) == 0 {
		fmt.Fprintln(w, "nothing to be "+what)
	}
}
