package main

import (
	"context"
	"fmt"

	"data-space.liqo.io/pkg/decisions/cnifolder"
	"data-space.liqo.io/pkg/effects/sandbox"
)

// cniFolders returns the folders that the container runtime uses. An error names the flag and the folders.
func cniFolders(ctx context.Context, flags cnifolder.Folders, runtime *sandbox.Client) (cnifolder.Folders, error) {
	reported, err := runtime.Network(ctx)
	if err != nil {
		return cnifolder.Folders{}, err
	}
	known := cnifolder.Runtime{Name: runtime.Runtime, Conf: reported.Conf, Bins: reported.Bins}
	return cnifolder.Choose(flags, known, sandbox.Folders{})
}

// nodeFolders is the same for a command: a runtime that does not answer is one that reports nothing.
func (g *gateOptions) nodeFolders(ctx context.Context) (cnifolder.Folders, error) {
	if g.folders.Conf != "" && g.folders.Bin != "" {
		return cnifolder.Choose(g.folders, cnifolder.Runtime{}, sandbox.Folders{})
	}
	runtime, err := sandbox.Dial(ctx, "")
	if err != nil {
		in, chooseErr := cnifolder.Choose(g.folders, cnifolder.Runtime{}, sandbox.Folders{})
		if chooseErr != nil {
			return in, fmt.Errorf("%w (%w)", chooseErr, err)
		}
		return in, nil
	}
	defer runtime.Close()
	return cniFolders(ctx, g.folders, runtime)
}
