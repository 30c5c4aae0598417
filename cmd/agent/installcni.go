package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/programs/agentcli"
)

// installCNI puts the plugin into the node's chain once. An agent that runs does so by itself, and keeps it there.
func installCNI(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) error {
	var o gateOptions
	f := flag.NewFlagSet("agent install-cni", flag.ContinueOnError)
	o.paths(f)
	o.entry(f)
	if err := parseGate(f, args, &o, stderr); err != nil {
		return err
	}
	in, err := o.nodeFolders(ctx)
	if err != nil {
		return err
	}
	changed, err := o.chain(in, slog.New(slog.DiscardHandler)).Install()
	tell(stdout, "written", changed)
	if errors.Is(err, cniconf.ErrNone) {
		return fmt.Errorf("%w: the plugin is in place, its entry is not; run this again once the cluster's CNI plugin has written its configuration", err)
	}
	return err
}

// uninstallCNI asks a running agent not to reinstall the plugin, then removes the entry and the plugin. If no agent runs, it also
// removes the files that the last agent left.
func uninstallCNI(ctx context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) error {
	var o gateOptions
	f := flag.NewFlagSet("agent uninstall-cni", flag.ContinueOnError)
	o.paths(f)
	state := f.String("state-dir", defaultState, "`folder` that remembers the guarded pods of this node")
	status := f.String("status-socket", defaultStatusSocket, "`path` of the agent's unix socket")
	if err := parseGate(f, args, &o, stderr); err != nil {
		return err
	}
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
	tell(stdout, "undone", changed)
	if err != nil {
		return err
	}
	if err := removeProfiles(o.kubelet, *state); err != nil {
		return err
	}
	traces := []string{o.spaces}
	if !stood {
		traces = append(traces, *state, *status, o.socket)
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

func parseGate(f *flag.FlagSet, args []string, o *gateOptions, stderr io.Writer) error {
	if err := parseOnly(f, args, stderr); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return usageError{err}
	}
	return nil
}

func tell(w io.Writer, what string, files []string) {
	for _, file := range files {
		fmt.Fprintf(w, "%s: %s\n", what, file)
	}
	if len(files) == 0 {
		fmt.Fprintln(w, "nothing to be "+what)
	}
}
