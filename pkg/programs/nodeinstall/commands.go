package nodeinstall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/seccompfile"
)

// Install puts the plugin into the node's chain once, and prints the files that it wrote.
func Install(ctx context.Context, o Options, stdout io.Writer) error {
	in, err := o.folders(ctx)
	if err != nil {
		return err
	}
	changed, err := o.chainIn(in, slog.New(slog.DiscardHandler)).Install()
	printFiles(stdout, "written", changed)
	if errors.Is(err, cniconf.ErrNone) {
		return fmt.Errorf("%w: the plugin is in place, its entry is not; run this again once the cluster's CNI plugin has written its configuration", err)
	}
	return err
}

// Uninstall asks a running agent not to reinstall the plugin, then removes the entry, the plugin and the seccomp profiles. If no agent runs, it
// also removes the files that the last agent left: its state, and the socket of its answers.
func Uninstall(ctx context.Context, o Options, state, socket string, stdout io.Writer) error {
	stood, err := standDown(ctx, o.Socket)
	if err != nil {
		return err
	}
	if stood {
		fmt.Fprintln(stdout, "the agent of this node no longer puts the plugin back, until it is restarted")
	}
	in, err := o.folders(ctx)
	if err != nil {
		return err
	}
	changed, err := o.chainIn(in, slog.New(slog.DiscardHandler)).Uninstall()
	printFiles(stdout, "undone", changed)
	if err != nil {
		return err
	}
	if err := o.removeProfiles(state); err != nil {
		return err
	}
	traces := []string{o.Spaces}
	if !stood {
		traces = append(traces, state, socket, o.Socket)
		err = seal()
	}
	return errors.Join(err, removeTraces(traces...))
}

func (o Options) removeProfiles(state string) error {
	folder, kept, err := o.Profiles(state)
	if errors.Is(err, seccompfile.ErrNoKubelet) {
		return nil
	}
	if err != nil || !kept {
		return err
	}
	return folder.Remove(seccomp.Folder)
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
